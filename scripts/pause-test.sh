#!/usr/bin/env bash
# Stops leaders of a real cluster as SIGSTOP does while clients read and write, and lets them go on:
# `pause-test.sh [SECONDS]` (default 60) for each way of reading: `index` (ReadIndex), `lease`
# (--read-lease) and `any` (--from-any); WAYS=... chooses others, and PAUSE (default 10) the seconds of the
# longest pause. Every operation is written down, and the history must be linearizable: no read may be
# stale. It has a cluster of its own on ports 221gi and deletes it afterwards.
# Exit codes: 0 all is well; 1 nothing was paused, the bench ended early, or a node crashed; that of
# `shardkv-sim check` if it finds something.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_ALL=${1:-60}
PAUSE=${PAUSE:-10}
WAYS=${WAYS:-index lease any}
# shellcheck source=scripts/lib/trial.sh
source scripts/lib/trial.sh
trial_begin pause 22100
step() { printf '%3d s  %s\n' "$((SECONDS - begin))" "$*"; }
fail() {
  echo "FAIL: $*"
  exit 1
}
counter() {
  cluster cli status --json | grep -o "\"$1\":[0-9\"]*" | tr -dc '0-9\n' |
    awk '{ sum += $1 } END { print sum + 0 }'
}
pids() { cluster status | awk '$4 == "pid" { print $1, $5 }'; }

# Stops the leader of group 1 for $1 seconds; fails if there is none just now.
pause_leader() {
  local node
  node=$(leader_of 1)
  [[ -n $node ]] || return 1
  step "stop $node for $1 s"
  cluster stop "$node"
  wait_for "$1"
  cluster cont "$node"
}

try() {
  local way=$1 rounds=0 short=0 before history=$SHARDKV_CLUSTER_DIR/history arguments=()
  unset SHARDKV_READ_LEASE
  if [[ $way == lease ]]; then export SHARDKV_READ_LEASE=true; fi
  if [[ $way == any ]]; then arguments=(--from-any); fi
  begin=$SECONDS
  trial_up --groups 1
  before=$(pids)
  begin=$SECONDS
  step "$way: 16 clients read and write for $SECONDS_ALL s"
  start_bench -c 16 -z "$SECONDS_ALL" --rate "${RATE:-2000}" --mix get=70,put=30 -d 16 -r 200 \
    --timeout 20s --history "$history" "${arguments[@]}"
  wait_for 2
  while is_bench_alive && ((SECONDS - begin + PAUSE + 2 < SECONDS_ALL)); do
    if pause_leader "$PAUSE" && is_bench_alive; then rounds=$((rounds + 1)); fi
    wait_for 2
    # Pauses about as long as an election: who comes back may still believe that it leads.
    for _ in 1 2 3; do
      if is_bench_alive && pause_leader "$((RANDOM % 2)).$((4 + RANDOM % 6))"; then
        short=$((short + 1))
      fi
      wait_for "0.$((RANDOM % 10))"
    done
  done
  wait_for_bench || fail "the bench ended with exit code $?"
  cat "$SHARDKV_CLUSTER_DIR/result"
  ((rounds > 0)) || fail "$SECONDS_ALL s were too short for a pause of $PAUSE s"
  [[ $(pids) == "$before" ]] || fail "a node crashed: before $before, now $(pids)"
  [[ $(nodes_up | wc -l) == "$(wc -l <<<"$before")" ]] || fail "a node is not up"
  case $way in
    lease) (($(counter leaseReads) > 0)) || fail "no read was answered under a lease" ;;
    any) (($(counter followerReads) > 0)) || fail "no follower answered a read" ;;
    *) (($(counter leaseReads) == 0)) || fail "reads were answered under a lease" ;;
  esac
  "${SHARDKV_BIN:-$(swift build -c release --show-bin-path)}/shardkv-sim" check "$history"
  echo "$way: $rounds pauses of $PAUSE s, $short short ones, every node is up"
}

for way in $WAYS; do try "$way"; done
echo PASS
