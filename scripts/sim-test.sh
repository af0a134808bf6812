#!/usr/bin/env bash
# What shardkv-sim ends with, and where it says why: SHARDKV_BIN names the folder of the programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sim=${SHARDKV_BIN:-$(swift build -c release --show-bin-path)}/shardkv-sim
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# expect STATUS TEXT COMMAND...: the command ends with STATUS and says TEXT.
expect() {
  local wanted=$1 text=$2 status=0
  shift 2
  "$sim" "$@" >"$folder/out" 2>&1 || status=$?
  if [[ $status != "$wanted" ]] || ! grep -qF -- "$text" "$folder/out"; then
    echo "sim-test.sh: 'shardkv-sim $*' ended with $status and said:"
    head -c 2000 "$folder/out"
    echo "sim-test.sh: expected the status $wanted and '$text'"
    return 1
  fi
}

expect 0 "failures=0 replayed=2 " run --seeds 3 --seconds 8 --verify-replays 2
expect 0 "failures=0 replayed=0 " run --seeds 1 --seconds 8 --verify-replays 0
expect 0 "seeds=1 failures=0" run --minutes 5 --seeds 1 --seconds 8
expect 0 "failures=0" run --minutes 0.01 --seconds 8
# The canary must be found by the first seed: whoever does not see it sees nothing.
expect 3 "bug canary: found by seed 1" run --seeds 1 --bug canary
if ! SHARDKV_BIN=$(dirname "$sim") scripts/planted-bugs.sh --seeds 200 vote-not-durable match-from-sent \
  read-before-own-term changes-unfenced removed-leader-goes-on swaps-deadlock versions-reset; then
  echo "sim-test.sh: bugs that used to be found at once are not"
  exit 1
fi
status=0
SHARDKV_BIN=$(dirname "$sim") scripts/planted-bugs.sh --seeds 1 old-votes-counted >"$folder/out" || status=$?
if [[ $status != 1 ]] || ! grep -q "1 not found" "$folder/out"; then
  echo "sim-test.sh: planted-bugs.sh ended with $status for a bug that one seed does not find:"
  cat "$folder/out"
  exit 1
fi
expect 4 "not done after 0.001 s" run --seeds 1 --seed-timeout 1ms
expect 0 "seed 5: fine" replay 5 --seconds 8
expect 0 "stale-read" bugs
expect 64 "expected a whole number" run --seeds many
expect 64 "expected minutes above 0" run --minutes -1
expect 64 "expected a duration" run --seed-timeout soon
expect 64 "is not a seed" replay x
expect 64 "stale-read" run --bug no-such-bug
expect 64 "" no-such-command

# history ARGUMENTS...: writes a history to $folder/history.
history() { awk "$@" -f scripts/make-history.awk >"$folder/history"; }

# within SECONDS COMMAND...: as expect 0, with a limit of real time.
within() {
  local begin=$SECONDS limit=$1
  shift
  expect 0 linearizable "$@"
  if ((SECONDS - begin > limit)); then
    echo "sim-test.sh: 'shardkv-sim $*' took more than $limit s"
    return 1
  fi
}

history -v operations=50000 -v clients=32 -v keys=100 -v unknown=2 -v mix=5,2,2,1,1
within 10 check "$folder/history"
history -v operations=50000 -v clients=32 -v keys=100 -v unknown=2 -v versions=1
within 10 check "$folder/history"
history -v operations=4000 -v clients=50 -v keys=1 -v unknown=2
within 10 check "$folder/history"
history -v operations=20000 -v clients=32 -v keys=100 -v mix=1,0,9,0,0 -v bytes=200
within 10 check "$folder/history"
expect 0 '"verdict":"linearizable"' check --json - <"$folder/history"
history -v operations=5000 -v clients=32 -v keys=20 -v unknown=2 -v wrong=1
expect 3 "have no order" check "$folder/history"
expect 3 '"counterexample":[{"client"' check --json "$folder/history"
expect 4 "undecided after 5 steps" check --steps 5 "$folder/history"
echo '{"client":1,"op":"get","key":"k","call":2,"return":1,"result":"ok","output":null}' >>"$folder/history"
expect 64 'line 5001: the field "return" is before "call"' check "$folder/history"
expect 64 "cannot read $folder/none" check "$folder/none"
expect 64 "" check
: >"$folder/history"
expect 64 "there is nothing to check" check "$folder/history"
echo "sim-test.sh: all good"
