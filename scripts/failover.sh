#!/usr/bin/env bash
# How long a group is without a leader: kills the leader of a real group again and again while clients
# write, and measures, for each kill, the longest time between two acknowledged writes.
# `failover.sh [KILLS]` (default 100). It has a cluster of its own on ports 201gi and deletes it
# afterwards; exit code 1 if a write failed or has an unknown outcome, or no write followed a kill.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

KILLS=${1:-100}
RATE=${RATE:-500}
# shellcheck source=scripts/lib/trial.sh
source scripts/lib/trial.sh
trial_begin failover 20100

# The clock of the history's times.
boot_ms() { awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime; }
# The node that leads group 1, nothing unless all three replicas are up to date.
leader_when_fresh() {
  local fresh
  fresh=$(cluster cli status |
    awk '$1 == 1 && ($3 == "leader" || $3 == "follower" && $7 + 0 < 1000) { n++ } END { print n + 0 }')
  if ((fresh == 3)); then leader_of 1; fi
}

fail() {
  echo "FAIL: $1"
  cat "$SHARDKV_CLUSTER_DIR/errors"
  exit 1
}

trial_up --groups 1
history=$SHARDKV_CLUSTER_DIR/history kills=$SHARDKV_CLUSTER_DIR/kills
start_bench -c 16 -z $((KILLS * 60)) --rate "$RATE" --mix put=100 -d 100 --timeout 20s \
  --history "$history" 2>"$SHARDKV_CLUSTER_DIR/errors"
wait_for 2
for ((number = 1; number <= KILLS; number++)); do
  until node=$(leader_when_fresh) && [[ -n $node ]]; do
    is_bench_alive || fail "the bench ended before kill $number"
    wait_for 0.2
  done
  boot_ms >>"$kills"
  cluster kill "$node"
  wait_for 1.5
  cluster start "$node"
  wait_for "0.$((RANDOM % 10))"
  if [[ -t 2 ]]; then printf '\r%d of %d' "$number" "$KILLS" >&2; fi
done
if [[ -t 2 ]]; then echo >&2; fi
is_bench_alive || fail "the bench ended before the last kill"
stop_bench
cat "$SHARDKV_CLUSTER_DIR/result"
grep -o '"return":[0-9]*\|"result":"[a-z]*"' "$history" | sed 's/.*://' | paste - - |
  awk -v kills="$kills" '
    { ok = $2 == "\"ok\"" ? $1 : $1 == "\"ok\"" ? $2 : "" }
    ok == "" { failed++; next }
    { print int(ok / 1000000) > "/dev/stderr" }
    END { exit failed > 0 }' 2>"$SHARDKV_CLUSTER_DIR/acks" && failed=0 || failed=1
sort -n "$SHARDKV_CLUSTER_DIR/acks" | awk -v file="$kills" '
  BEGIN { while ((getline time < file) > 0) kill[++count] = time; number = 1 }
  {
    while (number < count && $1 > kill[number + 1]) number++
    if (last && $1 > kill[number] && last < kill[number] + 1500 && $1 - last > gap[number])
      gap[number] = $1 - last
    last = $1
  }
  END { for (number = 1; number <= count; number++) print gap[number] + 0 }' | sort -n | awk '
  { gap[NR] = $1 }
  function at(share) { place = int(NR * share + 0.999999); return gap[place < 1 ? 1 : place] }
  END {
    printf "Without a leader after %d kills, in ms: p50 %d   p90 %d   p99 %d   max %d\n",
      NR, at(0.5), at(0.9), at(0.99), gap[NR]
    if (gap[1] == 0) print "FAIL: no write was acknowledged after some kill"
    exit gap[1] == 0
  }' || failed=1
exit "$failed"
