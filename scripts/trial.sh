#!/usr/bin/env bash
# Breaks and grows a real cluster while clients append, then checks that nothing was lost, doubled or
# reordered: `trial.sh [SECONDS]` (default 60). It has a cluster of its own on ports 191gi and
# deletes it afterwards; the exit code is the bench's, or 1 if a leader's group paused too long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_ALL=${1:-60}
CLIENTS=${CLIENTS:-32}
PAUSE_MAX_MS=2000
SHARDKV_CLUSTER_DIR=$(mktemp -d "${TMPDIR:-/var/tmp}/shardkv-trial.XXXXXX")
export SHARDKV_CLUSTER_DIR SHARDKV_PORT_BASE=${SHARDKV_PORT_BASE:-19100}

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

step() { printf '%3d s  %s\n' "$((SECONDS - begin))" "$*"; }
# Waits until that second of the bench; nothing is ever written to this pipe.
exec 7<> <(:)
until_second() { while ((SECONDS - begin < $1)); do read -rt 0.2 -u 7 || true; done; }
# The node that leads group $1 (0: the controllers).
leader_of() {
  local name=$1 port
  if (($1 == 0)); then name=controllers; fi
  port=$(cluster cli status | awk -v g="$name" '$1 == g { sub(/.*:/, "", $2); print $2; exit }')
  port=$((port - SHARDKV_PORT_BASE))
  if (($1 == 0)); then echo "c$port"; else echo "g$((port / 10))n$((port % 10))"; fi
}
break_leader() {
  local node
  node=$(leader_of "$1")
  step "kill -9 $node, the leader of ${2}"
  cluster kill "$node"
  until_second "$(($3 + SECONDS_ALL / 20))"
  step "start $node"
  cluster start "$node"
}

cluster up --detach --fresh >/dev/null 2>"$SHARDKV_CLUSTER_DIR/up" || {
  cat "$SHARDKV_CLUSTER_DIR/up"
  exit 69
}
begin=$SECONDS
step "$CLIENTS clients append for $SECONDS_ALL s"
cluster cli bench -c "$CLIENTS" -z "$SECONDS_ALL" --mix append=100 --verify --timeout 20s \
  >"$SHARDKV_CLUSTER_DIR/result" &
bench_pid=$!
at() { echo $((SECONDS_ALL * $1 / 60)); }
until_second "$(at 5)"
break_leader 1 "group 1" "$(at 5)"
until_second "$(at 15)"
break_leader 2 "group 2" "$(at 15)"
until_second "$(at 25)"
break_leader 0 "the controllers" "$(at 25)"
until_second "$(at 33)"
step "add a group"
cluster add-group
until_second "$(at 43)"
step "remove group 3 again"
cluster remove-group 3
if [[ -n ${KILL_ALL:-} ]]; then
  until_second "$(at 50)"
  step "kill -9 every process at once, and start them"
  mapfile -t nodes < <(cluster status | awk '$3 == "up" && $4 == "pid" { print $1 }')
  cluster kill "${nodes[@]}"
  cluster start "${nodes[@]}"
fi
status=0
wait "$bench_pid" || status=$?
bench_pid=
step "the bench ended with exit code $status"
cat "$SHARDKV_CLUSTER_DIR/result"
cluster cli status
longest=$(sed -n 's/^Longest.*: \([0-9]*\)[.0-9]* ms.*/\1/p' "$SHARDKV_CLUSTER_DIR/result")
while read -r pause; do
  if ((pause > longest)); then longest=$pause; fi
done < <(grep -o 'group [0-9]*: [0-9]*' "$SHARDKV_CLUSTER_DIR/result" | sed 's/.*: //')
if [[ -z ${KILL_ALL:-} ]] && ((longest > PAUSE_MAX_MS)); then
  echo "FAIL: a group completed nothing for $longest ms; at most $PAUSE_MAX_MS ms are allowed"
  exit 1
fi
exit "$status"
