#!/usr/bin/env bash
# How long a group is without a leader: kills the leader of a real group again and again while clients
# write, and measures, for each kill, the longest time between two acknowledged writes.
# `failover.sh [KILLS]` (default 100). It has a cluster of its own on ports 201gi and deletes it
# afterwards; exit code 1 if a write failed or has an unknown outcome.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

KILLS=${1:-100}
RATE=${RATE:-500}
SHARDKV_CLUSTER_DIR=$(mktemp -d "${TMPDIR:-/var/tmp}/shardkv-failover.XXXXXX")
export SHARDKV_CLUSTER_DIR SHARDKV_PORT_BASE=${SHARDKV_PORT_BASE:-20100}

cluster() { scripts/cluster.sh "$@"; }
bench_pid=
# Invoked by the trap.
# shellcheck disable=SC2317
finish() {
  if [[ -n $bench_pid ]]; then kill "$bench_pid" 2>/dev/null || true; fi
  cluster clean >/dev/null 2>&1 || true
  rm -rf "$SHARDKV_CLUSTER_DIR"
}
trap finish EXIT

# Waits a while; nothing is ever written to this pipe.
exec 7<> <(:)
wait_for() { read -rt "$1" -u 7 || true; }
# The clock of the history's times.
boot_ms() { awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime; }
# The node that leads group 1, and how many of its replicas are up to date.
look() {
  cluster cli status | awk -v base="$SHARDKV_PORT_BASE" '
    $1 == 1 && $3 == "leader" { sub(/.*:/, "", $2); leader = $2 - base; fresh++ }
    $1 == 1 && $3 == "follower" && $7 + 0 < 1000 { fresh++ }
    END { printf "g%dn%d %d\n", leader / 10, leader % 10, fresh }'
}

cluster up --detach --fresh --groups 1 >/dev/null 2>"$SHARDKV_CLUSTER_DIR/up" || {
  cat "$SHARDKV_CLUSTER_DIR/up"
  exit 69
}
history=$SHARDKV_CLUSTER_DIR/history kills=$SHARDKV_CLUSTER_DIR/kills
eval "$(cluster env)"
"${SHARDKV_BIN:-$(swift build -c release --show-bin-path)}/shardkv-cli" bench -c 16 -z $((KILLS * 60)) --rate "$RATE" --mix put=100 -d 100 --timeout 20s \
  --history "$history" >"$SHARDKV_CLUSTER_DIR/result" 2>"$SHARDKV_CLUSTER_DIR/errors" &
bench_pid=$!
wait_for 2
for ((number = 1; number <= KILLS; number++)); do
  until read -r node fresh < <(look) && [[ $node != g0n0 && $fresh == 3 ]]; do wait_for 0.2; done
  boot_ms >>"$kills"
  cluster kill "$node"
  wait_for 1.5
  cluster start "$node"
  wait_for "0.$((RANDOM % 10))"
  if [[ -t 2 ]]; then printf '\r%d of %d' "$number" "$KILLS" >&2; fi
done
if [[ -t 2 ]]; then echo >&2; fi
kill "$bench_pid"
wait "$bench_pid" || true
bench_pid=
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
  }'
exit "$failed"
