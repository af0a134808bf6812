# Sourced by cluster.sh: the nodes of the cluster in $STATE, their processes and the programs.
# shellcheck shell=bash

STATE=${SHARDKV_CLUSTER_DIR:-$ROOT/.cluster}
PORT_BASE=${SHARDKV_PORT_BASE:-7100}
HOST=127.0.0.1
EX_USAGE=64 EX_UNAVAILABLE=69

say() { printf '%s\n' "$*" >&2; }
die() {
  local code=$1
  shift
  say "cluster.sh: $*"
  exit "$code"
}

# A short wait without a process: nothing is ever written to this pipe.
exec 7<> <(:)
nap() { read -rt 0.05 -u 7 || true; }
now_ms() { echo "$((${EPOCHREALTIME/[.,]/} / 1000))"; }

# --- What there is ---

made() { [[ -f $STATE/cluster ]]; }
need_made() { made || die "$EX_USAGE" "there is no cluster in $STATE yet: start one with 'cluster.sh up'"; }
load() {
  # Written by make_cluster: CLUSTER_ID, CONTROLLERS, REPLICAS, PORT_BASE.
  # shellcheck source=/dev/null
  source "$STATE/cluster"
}

group_ids() {
  local file
  for file in "$STATE"/groups/[1-9]; do echo "${file##*/}"; done
}
size_of() { if (($1 == 0)); then echo "$CONTROLLERS"; else echo "$REPLICAS"; fi; }
node_name() { if (($1 == 0)); then echo "c$2"; else echo "g$1n$2"; fi; }
# The numbers of a group's nodes: 1, 2, … until one is replaced.
numbers_of() {
  local numbers=""
  if [[ -f $STATE/groups/$1 ]]; then numbers=$(sed -n 's/^NODES="\(.*\)"/\1/p' "$STATE/groups/$1"); fi
  echo "${numbers:-$(seq -s ' ' "$(size_of "$1")")}"
}
nodes_of() {
  local i
  for i in $(numbers_of "$1"); do node_name "$1" "$i"; done
}
group_of() { if [[ $1 == c* ]]; then echo 0; else echo "${1:1:1}"; fi; }
all_nodes() {
  local g
  for g in 0 $(group_ids); do nodes_of "$g"; done
  successors
}
# Nodes that run and have not yet taken the place of another.
successors() {
  local file node
  for file in "$STATE"/*/replaced; do
    node=$(basename "${file%/replaced}")
    if [[ -f $STATE/$node/made && " $(nodes_of "$(group_of "$node")" | tr '\n' ' ') " != *" $node "* ]]; then
      echo "$node"
    fi
  done
}
port_of() {
  if [[ $1 =~ ^c([1-9])$ ]]; then
    echo $((PORT_BASE + BASH_REMATCH[1]))
  elif [[ $1 =~ ^g([1-9])n([1-9])$ ]]; then
    echo $((PORT_BASE + 10 * BASH_REMATCH[1] + BASH_REMATCH[2]))
  fi
}
# Where clients of Redis are served; controllers have no keys.
redis_port_of() {
  if [[ $1 == g* ]]; then echo $(($(port_of "$1") + 200)); fi
}
# As init and the CLI take it.
own_address() {
  local redis
  redis=$(redis_port_of "$1")
  echo "$HOST:$(port_of "$1")${redis:++$redis}"
}
addresses_of() {
  local node list=()
  for node in $(nodes_of "$1"); do list+=("$HOST:$(port_of "$node")"); done
  local IFS=,
  echo "${list[*]}"
}
need_nodes() {
  (($# > 0)) || die "$EX_USAGE" "which node? There are: $(all_nodes | tr '\n' ' ')"
  local node
  for node in "$@"; do
    [[ " $(all_nodes | tr '\n' ' ') " == *" $node "* ]] ||
      die "$EX_USAGE" "there is no node '$node'; there are: $(all_nodes | tr '\n' ' ')"
  done
}

# --- Processes ---

# The process's state letter and start time; a process id alone may have been given to a stranger.
process() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  read -ra stat <<<"${stat##*) }"
  echo "${stat[0]} ${stat[19]}"
}
# Prints the pid of the node's process if it is still the one that was started here.
pid_of() {
  local pid started state begun
  [[ -f $STATE/$1/pid ]] && read -r pid started <"$STATE/$1/pid" || return 1
  read -r state begun < <(process "$pid") || return 1
  [[ $begun == "$started" && $state != [ZX] ]] || return 1
  echo "$pid"
}
signal() {
  local pid
  pid=$(pid_of "$2") || return 1
  kill "-$1" "$pid" 2>/dev/null
}
# Waits until none of the nodes runs: wait_gone MILLISECONDS NODE...
wait_gone() {
  local end=$(($(now_ms) + $1)) node
  shift
  for node in "$@"; do
    while pid_of "$node" >/dev/null; do
      (($(now_ms) < end)) || return 1
      nap
    done
  done
}
stop_nodes() {
  local node
  for node in "$@"; do
    if signal TERM "$node"; then signal CONT "$node" || true; fi
  done
  if ! wait_gone 15000 "$@"; then
    say "some nodes did not stop within 15 s: killing them"
    for node in "$@"; do signal KILL "$node" || true; done
    wait_gone 5000 "$@" || die 70 "cannot stop every node"
  fi
}

stop_all() {
  local nodes
  mapfile -t nodes < <(all_nodes)
  stop_nodes "${nodes[@]}"
}

# Fails, naming the owner, if somebody else listens on the node's port.
need_free_port() {
  local port hex inode="" local_address state rest owner pid
  port=$(port_of "$1")
  printf -v hex ':%04X' "$port"
  while read -r _ local_address _ state _ _ _ _ _ rest; do
    if [[ $local_address == *"$hex" && $state == 0A ]]; then inode=${rest%% *}; fi
  done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  [[ -n $inode ]] || return 0
  owner=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)
  if [[ $owner =~ ^/proc/([0-9]+)/ ]]; then
    pid=${BASH_REMATCH[1]}
    owner="process $pid ($(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c1-120))"
  else
    owner="a process of another user"
  fi
  die "$EX_UNAVAILABLE" "port $port for node $1 is in use by $owner." \
    "Stop it, or choose other ports with SHARDKV_PORT_BASE"
}
need_free_ports() {
  local node
  for node in $(nodes_of "$1"); do need_free_port "$node"; done
}

launch() {
  local node=$1 pid started
  if pid_of "$node" >/dev/null; then return; fi
  : >"$STATE/$node/out"
  setsid "$SERVER" run --data "$STATE/$node/data" --controllers "$(addresses_of 0)" \
    >"$STATE/$node/out" 2>>"$STATE/$node/log" </dev/null 7<&- 9>&- &
  pid=$!
  disown "$pid"
  read -r _ started < <(process "$pid") || started=gone
  echo "$pid $started" >"$STATE/$node/pid"
}
# Waits until the node says that it serves: wait_ready MILLISECONDS NODE
wait_ready() {
  local end=$(($(now_ms) + $1)) node=$2
  until grep -q '^ready' "$STATE/$node/out" 2>/dev/null; do
    if ! pid_of "$node" >/dev/null; then
      say "node $node ended while starting; the end of its log ($STATE/$node/log):"
      tail -n 8 "$STATE/$node/log" >&2
      return 1
    fi
    if (($(now_ms) >= end)); then
      say "node $node does not serve after $(($1 / 1000)) s; see 'cluster.sh logs $node'"
      return 1
    fi
    nap
  done
}

# --- Programs ---

find_programs() {
  local bin=${SHARDKV_BIN:-$ROOT/.build/release}
  SERVER=$bin/shardkv-server CLI=$bin/shardkv-cli
  if [[ -z ${SHARDKV_BIN:-} && ${1:-} == build ]]; then build_if_needed; fi
  [[ -x $SERVER && -x $CLI ]] ||
    die "$EX_USAGE" "shardkv-server and shardkv-cli are not in $bin: 'cluster.sh up' builds them"
}
build_if_needed() {
  local program start stale=""
  for program in "$SERVER" "$CLI"; do
    if [[ ! -x $program ]] ||
      [[ -n $(find "$ROOT/Sources" "$ROOT/Package.swift" -newer "$program" -print -quit) ]]; then
      stale=1
    fi
  done
  [[ -n $stale ]] || return 0
  start=$(now_ms)
  say "Building (release) ..."
  for program in shardkv-server shardkv-cli; do
    swift build --package-path "$ROOT" -c release --product "$program" 7<&- 9>&- >&2
    touch -c "$ROOT/.build/release/$program"
  done
  say "Built in $((($(now_ms) - start) / 1000)) s"
}
cli() { SHARDKV_ENDPOINTS=$(addresses_of 0) "$CLI" "$@" 7<&- 9>&-; }
