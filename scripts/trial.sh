#!/usr/bin/env bash
# Breaks and grows a real cluster while clients append, then checks that nothing was lost, doubled or
# reordered: `trial.sh [SECONDS]` (default 60). It has a cluster of its own on ports 191gi and
# deletes it afterwards; the exit code is the bench's, or 1 if a leader's group paused too long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_ALL=${1:-60}
CLIENTS=${CLIENTS:-32}
PAUSE_MAX_MS=2000
# shellcheck source=scripts/lib/trial.sh
source scripts/lib/trial.sh
trial_begin trial 19100

step() { printf '%3d s  %s\n' "$((SECONDS - begin))" "$*"; }
until_second() { while ((SECONDS - begin < $1)); do wait_for 0.2; done; }
break_leader() {
  local node
  until node=$(leader_of "$1") && [[ -n $node ]]; do wait_for 0.2; done
  step "kill -9 $node, the leader of ${2}"
  cluster kill "$node"
  until_second "$(($3 + SECONDS_ALL / 20))"
  step "start $node"
  cluster start "$node"
}

trial_up --groups 2
begin=$SECONDS
step "$CLIENTS clients append for $SECONDS_ALL s"
start_bench -c "$CLIENTS" -z "$SECONDS_ALL" --mix append=100 --verify --timeout 20s
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
  mapfile -t nodes < <(nodes_up)
  cluster kill "${nodes[@]}"
  cluster start "${nodes[@]}"
fi
status=0
wait_for_bench || status=$?
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
