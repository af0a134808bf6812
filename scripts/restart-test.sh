#!/usr/bin/env bash
# Restarts every node of a real cluster in turn and replaces some, while clients append, and checks that
# no operation failed: `restart-test.sh [SECONDS]` (default 60). It has a cluster of its own on ports
# 211gi and deletes it afterwards; the exit code is the bench's, or 1 if an operation failed or the time
# was too short for a restart of every node.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_ALL=${1:-60}
# shellcheck source=scripts/lib/trial.sh
source scripts/lib/trial.sh
trial_begin restart 21100
step() { printf '%3d s  %s\n' "$SECONDS" "$*"; }

trial_up --groups 2
start_bench -c 16 -z "$SECONDS_ALL" --mix append=100 --verify --timeout 20s
rounds=0
while is_bench_alive && ((SECONDS < SECONDS_ALL - 15)); do
  mapfile -t nodes < <(nodes_up)
  step "restart ${nodes[*]}"
  cluster restart "${nodes[@]}"
  if is_bench_alive; then rounds=$((rounds + 1)); fi
  if ((rounds == 1)); then
    for node in g1n2 c2; do
      step "replace $node"
      cluster replace "$node"
    done
  fi
done
status=0
wait_for_bench || status=$?
cat "$SHARDKV_CLUSTER_DIR/result"
echo "$rounds rounds of restarts"
if ((rounds == 0)); then
  echo "FAIL: $SECONDS_ALL s were too short to restart every node while the clients wrote"
  exit 1
fi
grep -q '^Failed *0 errors, 0 with unknown outcome' "$SHARDKV_CLUSTER_DIR/result" || exit 1
exit "$status"
