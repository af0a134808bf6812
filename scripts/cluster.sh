#!/usr/bin/env bash
# A real shardkv cluster on this machine: `cluster.sh` starts it, `cluster.sh help` lists the rest.
set -euo pipefail
shopt -s nullglob

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
  cat <<'HELP'
Examples
  scripts/cluster.sh                       build, start 3 controllers and 2 groups of 3, stay
  scripts/cluster.sh up --detach           the same in the background
  scripts/cluster.sh cli put greeting hello
  scripts/cluster.sh kill g1n1             kill -9 a node; `start g1n1` brings it back

Commands
  up [--detach] [--groups N] [--replicas N] [--controllers N] [--fresh]
                     start the cluster in .cluster/, or make one; --fresh deletes what was there
  down               stop every node; the data stays
  status             the nodes' processes, then shardkv-cli status
  cli ...            shardkv-cli with this cluster's endpoints
  kill NODE...       SIGKILL                 start NODE...    start again
  stop NODE...       SIGSTOP (pause)         cont NODE...     SIGCONT
  restart NODE...    SIGTERM, start again and wait until it has caught up, one after the other
  replace NODE       a new node takes the place of one, whose data is deleted; goes on where it was
                     if it is interrupted
  add-group          start one more group and join it
  remove-group GID   leave, wait until the group holds no shard, stop it, delete its data
  logs [-f] NODE     a node's log
  clean              stop everything and delete .cluster/
  env                print `export SHARDKV_ENDPOINTS=...`

Nodes are c1 c2 c3, g1n1 g1n2 g1n3, g2n1 ...; node i of group g listens on port 71gi (0: controllers),
and clients of Redis reach it on port 73gi.
Environment: SHARDKV_BIN (folder of built programs), SHARDKV_CLUSTER_DIR (default .cluster),
SHARDKV_PORT_BASE (default 7100).
HELP
}

# shellcheck source=/dev/null
source "$ROOT/scripts/lib/nodes.sh"
# shellcheck source=/dev/null
source "$ROOT/scripts/lib/members.sh"

# --- Making data folders ---

make_group() {
  local g=$1 node ids=() i=0 file=$STATE/groups/$1
  for node in $(nodes_of "$g"); do ids+=("$("$SERVER" id)"); done
  mkdir -p "$STATE/groups"
  printf 'GROUP_ID=%s\nREPLICA_IDS="%s"\nNODES="%s"\nPHASE=new\n' "$("$SERVER" id)" "${ids[*]}" \
    "$(numbers_of "$g")" >"$file.tmp"
  mv "$file.tmp" "$file"
}
set_phase() { edit_group "$1" "s/^PHASE=.*/PHASE=$2/"; }
edit_group() {
  sed "$2" "$STATE/groups/$1" >"$STATE/groups/$1.tmp"
  mv "$STATE/groups/$1.tmp" "$STATE/groups/$1"
}
phase_of() { sed -n 's/^PHASE=//p' "$STATE/groups/$1"; }
# Makes the folders of a group's replicas that are not complete yet; none of those ever ran.
make_folders() {
  local g=$1 node i=0 ids members=() GROUP_ID REPLICA_IDS
  # shellcheck source=/dev/null
  source "$STATE/groups/$g"
  read -ra ids <<<"$REPLICA_IDS"
  for node in $(nodes_of "$g"); do
    members+=("${ids[i]}=$(own_address "$node")")
    i=$((i + 1))
  done
  i=0
  for node in $(nodes_of "$g"); do
    if [[ ! -f $STATE/$node/made ]]; then
      rm -rf "${STATE:?}/$node"
      mkdir -p "$STATE/$node"
      "$SERVER" init --data "$STATE/$node/data" --cluster-id "$CLUSTER_ID" --group "$g" \
        --group-id "$GROUP_ID" --replica-id "${ids[i]}" \
        --members "$(
          IFS=,
          echo "${members[*]}"
        )" 7<&- 9>&- >/dev/null 2>>"$STATE/$node/log" || {
        tail -n 3 "$STATE/$node/log" >&2
        die 70 "cannot make the data folder of $node"
      }
      touch "$STATE/$node/made"
    fi
    i=$((i + 1))
  done
}
make_cluster() {
  local groups=$1 g
  mkdir -p "$STATE/groups"
  for ((g = 0; g <= groups; g++)); do make_group "$g"; done
  set_phase 0 member
  printf 'CLUSTER_ID=%s\nCONTROLLERS=%s\nREPLICAS=%s\nPORT_BASE=%s\n' "$("$SERVER" id)" \
    "$CONTROLLERS" "$REPLICAS" "$PORT_BASE" >"$STATE/cluster.tmp"
  mv "$STATE/cluster.tmp" "$STATE/cluster"
  load
  print_env >"$STATE/env"
}
print_env() { echo "export SHARDKV_ENDPOINTS=$(addresses_of 0)"; }

# --- Commands ---

lock() {
  mkdir -p "$STATE"
  exec 9>>"$STATE/lock"
  flock -w 60 9 || die "$EX_UNAVAILABLE" "another cluster.sh is at work on $STATE"
}
unlock() { exec 9>&-; }

count() {
  [[ $2 =~ ^[1-9]$ ]] || die "$EX_USAGE" "$1 is a number from 1 to 9 (ports are 71gi), not '$2'"
  echo "$2"
}

# Joins groups that are not members yet. The controller refuses until their leaders have registered.
join_groups() {
  local g arguments=() end answer
  for g in "$@"; do arguments+=("$g=$(addresses_of "$g")"); done
  ((${#arguments[@]} > 0)) || return 0
  end=$(($(now_ms) + 20000))
  until answer=$(cli join "${arguments[@]}" --timeout 5s 2>&1); do
    (($(now_ms) < end)) || {
      say "$answer"
      return 1
    }
    nap
  done
  for g in "$@"; do set_phase "$g" member; done
}

start_everything() {
  local node g new=() missing=()
  for node in $(all_nodes); do
    if ! pid_of "$node" >/dev/null; then
      need_free_port "$node"
      missing+=("$node")
    fi
  done
  for g in 0 $(group_ids); do make_folders "$g"; done
  for node in "${missing[@]}"; do launch "$node"; done
  for node in "${missing[@]}"; do wait_ready 20000 "$node" || return 1; done
  for g in $(group_ids); do
    if [[ $(phase_of "$g") == new ]]; then new+=("$g"); fi
    if [[ $(phase_of "$g") == leaving ]]; then
      say "group $g was being removed: 'cluster.sh remove-group $g' goes on with it"
    fi
  done
  join_groups "${new[@]}" || return 1
  cli health --timeout 20s >"$STATE/health" || return 1
}

up() {
  local groups="" detach="" fresh="" start g
  CONTROLLERS=3 REPLICAS=3
  while (($# > 0)); do
    case $1 in
      --detach | -d) detach=1 ;;
      --fresh) fresh=1 ;;
      --groups | --replicas | --controllers)
        (($# > 1)) || die "$EX_USAGE" "$1 needs a number"
        case $1 in
          --groups) groups=$(count "$1" "$2") ;;
          --replicas) REPLICAS=$(count "$1" "$2") ;;
          --controllers) CONTROLLERS=$(count "$1" "$2") ;;
        esac
        shift
        ;;
      *) die "$EX_USAGE" "up does not know '$1'; see 'cluster.sh help'" ;;
    esac
    shift
  done
  find_programs build
  start=$(now_ms)
  lock
  if [[ -n $fresh ]] && made; then remove_state; fi
  trap 'interrupted' INT TERM HUP
  if made; then
    load
    if [[ -n $groups && $groups != "$(group_ids | wc -l)" ]]; then
      say "The cluster in $STATE keeps its groups ($(group_ids | tr '\n' ' ' | sed 's/ $//'));" \
        "use add-group and remove-group, or up --fresh"
    fi
  else
    for ((g = 0; g <= ${groups:-2}; g++)); do need_free_ports "$g"; done
    make_cluster "${groups:-2}"
  fi
  if ! start_everything; then
    stop_all
    die "$EX_UNAVAILABLE" "the cluster did not start; all nodes are stopped, the data is kept"
  fi
  introduce "$start"
  if [[ -n $detach ]]; then
    say "It runs in the background: 'scripts/cluster.sh down' stops it."
    return
  fi
  read -r _ begun < <(process $$)
  echo "$$ $begun" >"$STATE/attached"
  unlock
  say "Ctrl-C stops everything."
  trap 'say "stopped by cluster.sh down"; exit 0' USR1
  while :; do read -r -u 7 || true; done
}
interrupted() {
  trap '' INT TERM HUP USR1
  say ""
  say "Stopping every node (the data stays in $STATE) ..."
  if made; then stop_all; fi
  rm -f "$STATE/attached"
  exit 130
}
introduce() {
  local g name
  for g in 0 $(group_ids); do
    name="group $g"
    if ((g == 0)); then name=controllers; fi
    printf '%-12s %-22s %s\n' "$name" "$(nodes_of "$g" | tr '\n' ' ')" "$(addresses_of "$g")"
  done
  cat <<TEXT

  try    scripts/cluster.sh cli put greeting hello
         scripts/cluster.sh cli get greeting
         scripts/cluster.sh cli status
  break  scripts/cluster.sh kill g1n1        (and: start g1n1)
  grow   scripts/cluster.sh add-group

Every group has committed a write. Ready in $(tenths $(($(now_ms) - $1))) s. Data: $STATE
TEXT
}
tenths() { echo "$(($1 / 1000)).$((($1 % 1000) / 100))"; }

down() {
  need_made
  load
  lock
  stop_all
  detach_foreground
  say "All nodes are stopped; the data stays in $STATE"
}
detach_foreground() {
  local pid started letter begun
  [[ -f $STATE/attached ]] || return 0
  read -r pid started <"$STATE/attached"
  rm -f "$STATE/attached"
  read -r letter begun < <(process "$pid") || return 0
  if [[ $begun == "$started" && $letter != [ZX] ]]; then kill -USR1 "$pid" || true; fi
}
remove_state() {
  load
  stop_all
  detach_foreground
  find "$STATE" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf {} +
}

status() {
  need_made
  load
  find_programs
  local node pid letter word
  for node in $(all_nodes); do
    word=down
    if pid=$(pid_of "$node"); then
      read -r letter _ < <(process "$pid")
      word="up"
      if [[ $letter == [Tt] ]]; then word=paused; fi
    fi
    printf '%-6s %s:%s  %-6s %s\n' "$node" "$HOST" "$(port_of "$node")" "$word" "${pid:+pid $pid}"
  done
  echo
  cli status
}

signal_nodes() {
  local name=$1 node
  shift
  need_made
  load
  need_nodes "$@"
  for node in "$@"; do
    signal "$name" "$node" || say "$node is not running"
  done
  if [[ $name == KILL ]]; then wait_gone 5000 "$@" || die 70 "a node survived SIGKILL"; fi
}
start_nodes() {
  local node
  need_made
  load
  need_nodes "$@"
  find_programs
  lock
  for node in "$@"; do
    if pid_of "$node" >/dev/null; then
      say "$node already runs"
    else
      need_free_port "$node"
      launch "$node"
    fi
  done
  for node in "$@"; do wait_ready 15000 "$node" || exit "$EX_UNAVAILABLE"; done
}

add_group() {
  local g node
  need_made
  load
  find_programs
  lock
  g=$(next_group)
  ((g <= 9)) || die "$EX_USAGE" "there are 9 groups already, and ports 71gi allow no more"
  trap 'say "interrupted: cluster.sh up goes on with group $g"; exit 130' INT TERM
  need_free_ports "$g"
  make_group "$g"
  echo "$g" >"$STATE/highest"
  make_folders "$g"
  for node in $(nodes_of "$g"); do launch "$node"; done
  for node in $(nodes_of "$g"); do wait_ready 20000 "$node" || exit "$EX_UNAVAILABLE"; done
  join_groups "$g" || die "$EX_UNAVAILABLE" "group $g runs but could not join; 'up' tries again"
  echo "group $g has joined: $(nodes_of "$g" | tr '\n' ' ')$(addresses_of "$g")"
}
highest_group() {
  local g highest=0
  if [[ -f $STATE/highest ]]; then highest=$(<"$STATE/highest"); fi
  for g in $(group_ids); do if ((g > highest)); then highest=$g; fi; done
  echo "$highest"
}
# A number that no group had before if there is one: the controller remembers those that left.
next_group() {
  local g highest
  highest=$(highest_group)
  if ((highest < 9)); then
    echo $((highest + 1))
    return
  fi
  for ((g = 1; g <= 9; g++)); do if [[ ! -f $STATE/groups/$g ]]; then break; fi; done
  echo "$g"
}
remove_group() {
  need_made
  load
  find_programs
  local g=${1:-} node nodes
  [[ $g =~ ^[1-9]$ && -f $STATE/groups/$g ]] ||
    die "$EX_USAGE" "remove-group needs one of: $(group_ids | tr '\n' ' ')"
  lock
  set_phase "$g" leaving
  if ! cli leave "$g" --wait --timeout "${SHARDKV_LEAVE_TIMEOUT:-300s}"; then
    die "$EX_UNAVAILABLE" "group $g is not removed; run 'cluster.sh remove-group $g' again"
  fi
  if (($(highest_group) <= g)); then echo "$g" >"$STATE/highest"; fi
  mapfile -t nodes < <(nodes_of "$g")
  stop_nodes "${nodes[@]}"
  for node in "${nodes[@]}"; do rm -rf "${STATE:?}/$node"; done
  rm -f "$STATE/groups/$g"
  echo "group $g has left and is removed"
}

logs() {
  need_made
  load
  if [[ ${1:-} == -f ]]; then
    shift
    need_nodes "$@"
    exec tail -n 100 -f "$STATE/$1/log"
  fi
  need_nodes "$@"
  cat "$STATE/$1/log"
}
clean() {
  made || return 0
  lock
  remove_state
  rm -rf "${STATE:?}"
  say "Deleted $STATE"
}

main() {
  local verb=${1:-up}
  if (($# > 0)); then shift; fi
  case $verb in
    up) up "$@" ;;
    down) down ;;
    status) status ;;
    cli)
      need_made
      load
      find_programs
      cli "$@"
      ;;
    kill) signal_nodes KILL "$@" ;;
    stop) signal_nodes STOP "$@" ;;
    cont) signal_nodes CONT "$@" ;;
    start) start_nodes "$@" ;;
    restart) restart "$@" ;;
    replace) replace "$@" ;;
    add-group) add_group ;;
    remove-group) remove_group "$@" ;;
    logs) logs "$@" ;;
    clean) clean ;;
    env)
      need_made
      load
      print_env
      ;;
    help | -h | --help) usage ;;
    --*) up "$verb" "$@" ;;
    *) die "$EX_USAGE" "unknown command '$verb'; 'cluster.sh help' lists them" ;;
  esac
}
main "$@"
