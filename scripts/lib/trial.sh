# Sourced by the scripts that break a real cluster of their own while a bench runs.
# shellcheck shell=bash

# Makes the cluster's folder, named after $1, and its ports from $2 on; both go when the script ends.
trial_begin() {
  SHARDKV_CLUSTER_DIR=$(mktemp -d "${TMPDIR:-/var/tmp}/shardkv-$1.XXXXXX")
  SHARDKV_PORT_BASE=${SHARDKV_PORT_BASE:-$2}
  export SHARDKV_CLUSTER_DIR SHARDKV_PORT_BASE
  bench_pid=
  trap trial_end EXIT
}

# Invoked by the trap.
# shellcheck disable=SC2317
trial_end() {
  if [[ -n $bench_pid ]]; then kill "$bench_pid" 2>/dev/null || true; fi
  cluster clean >/dev/null 2>&1 || true
  rm -rf "$SHARDKV_CLUSTER_DIR"
}

cluster() { scripts/cluster.sh "$@"; }

# Starts the nodes; further arguments are those of `cluster.sh up`.
trial_up() {
  cluster up --detach --fresh "$@" >/dev/null 2>"$SHARDKV_CLUSTER_DIR/up" || {
    cat "$SHARDKV_CLUSTER_DIR/up"
    exit 69
  }
}

# A bench in the background, with its output in the folder's `result`; `wait_for_bench` gives its status.
start_bench() {
  local bin
  eval "$(cluster env)"
  bin=${SHARDKV_BIN:-$(swift build -c release --show-bin-path)}
  "$bin/shardkv-cli" bench "$@" >"$SHARDKV_CLUSTER_DIR/result" &
  bench_pid=$!
}
is_bench_alive() { kill -0 "$bench_pid" 2>/dev/null; }
wait_for_bench() {
  local status=0
  wait "$bench_pid" || status=$?
  bench_pid=
  return "$status"
}

stop_bench() {
  kill "$bench_pid"
  wait_for_bench || true
}

# Waits $1 seconds; nothing is ever written to this pipe.
exec 7<> <(:)
wait_for() { read -rt "$1" -u 7 || true; }

# The names of the nodes that run.
nodes_up() { cluster status | awk '$3 == "up" && $4 == "pid" { print $1 }'; }

# The node whose port is the base and $1.
node_at() {
  if (($1 < 10)); then echo "c$1"; else echo "g$(($1 / 10))n$(($1 % 10))"; fi
}

# The node that leads group $1 (0: the controllers), nothing while there is none.
leader_of() {
  local name=$1 port
  if (($1 == 0)); then name=controllers; fi
  port=$(cluster cli status |
    awk -v g="$name" '$1 == g && $3 == "leader" { sub(/.*:/, "", $2); print $2; exit }')
  if [[ -n $port ]]; then node_at $((port - SHARDKV_PORT_BASE)); fi
}
