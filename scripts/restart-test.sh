#!/usr/bin/env bash
# Restarts every node of a real cluster in turn and replaces some, while clients append, and checks that
# no operation failed: `restart-test.sh [SECONDS]` (default 60). It has a cluster of its own on ports
# 211gi and deletes it afterwards; the exit code is the bench's, or 1 if an operation failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_ALL=${1:-60}
SHARDKV_CLUSTER_DIR=$(mktemp -d "${TMPDIR:-/var/tmp}/shardkv-restart.XXXXXX")
export SHARDKV_CLUSTER_DIR SHARDKV_PORT_BASE=${SHARDKV_PORT_BASE:-21100}

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
step() { printf '%3d s  %s\n' "$SECONDS" "$*"; }

cluster up --detach --fresh >/dev/null 2>"$SHARDKV_CLUSTER_DIR/up" || {
  cat "$SHARDKV_CLUSTER_DIR/up"
  exit 69
}
cluster cli bench -c 16 -z "$SECONDS_ALL" --mix append=100 --verify --timeout 20s \
  >"$SHARDKV_CLUSTER_DIR/result" &
bench_pid=$!
rounds=0
while kill -0 "$bench_pid" 2>/dev/null && ((SECONDS < SECONDS_ALL - 15)); do
  mapfile -t nodes < <(cluster status | awk '$3 == "up" && $4 == "pid" { print $1 }')
  step "restart ${nodes[*]}"
  cluster restart "${nodes[@]}"
  rounds=$((rounds + 1))
  if ((rounds == 1)); then
    for node in g1n2 c2; do
      step "replace $node"
      cluster replace "$node"
    done
  fi
done
status=0
wait "$bench_pid" || status=$?
bench_pid=
cat "$SHARDKV_CLUSTER_DIR/result"
echo "$rounds rounds of restarts"
grep -q '^Failed *0 errors, 0 with unknown outcome' "$SHARDKV_CLUSTER_DIR/result" || exit 1
exit "$status"
