# Sourced by cluster.sh: restarting nodes one after the other, and giving one a successor.
# shellcheck shell=bash

# The replica of a node, as `group members` words it: id, address, role, lag.
member_of() {
  local address
  address=$HOST:$(port_of "$1")
  cli group members "$(group_of "$1")" --timeout 2s 2>/dev/null | awk -v a="$address" '$2 == a'
}
# Waits until the node has caught up: wait_caught_up MILLISECONDS NODE
wait_caught_up() {
  local end=$(($(now_ms) + $1)) role lag silent
  until read -r _ _ role lag silent < <(member_of "$2") && [[ $role == leader ||
    ($role == voter && ${lag//,/} =~ ^[0-9]{1,2}$ && -z $silent) ]]; do
    (($(now_ms) < end)) || return 1
    nap
  done
}
restart() {
  local node
  need_made
  load
  need_nodes "$@"
  find_programs
  lock
  for node in "$@"; do
    stop_nodes "$node"
    launch "$node"
    wait_ready 20000 "$node" || exit "$EX_UNAVAILABLE"
    wait_caught_up 30000 "$node" ||
      die "$EX_UNAVAILABLE" "$node has not caught up within 30 s; see 'cluster.sh status'"
  done
}

# Gives a group's node a successor. The file `replaced` in the folder of the new node names the old
# one, so that a replacement that was interrupted goes on.
replace() {
  local old=${1:-} g new number numbers id GROUP_ID
  need_made
  load
  find_programs
  (($# == 1)) || die "$EX_USAGE" "replace needs one node; there are: $(all_nodes | tr '\n' ' ')"
  lock
  new=$(successor_of "$old")
  if [[ -z $new ]]; then
    need_nodes "$old"
    g=$(group_of "$old")
    for number in 1 2 3 4 5 6 7 8 9 none; do
      [[ -e $STATE/$(node_name "$g" "$number") ]] || break
    done
    [[ $number != none ]] || die "$EX_USAGE" "group $g has 9 nodes, and ports 71gi allow no more"
    new=$(node_name "$g" "$number")
    need_free_port "$new"
    mkdir -p "$STATE/$new"
    echo "$old $("$SERVER" id)" >"$STATE/$new/replaced"
  fi
  g=$(group_of "$new")
  read -r _ id <"$STATE/$new/replaced"
  # shellcheck source=/dev/null
  source "$STATE/groups/$g"
  if [[ ! -f $STATE/$new/made ]]; then
    rm -rf "${STATE:?}/$new/data"
    "$SERVER" init --data "$STATE/$new/data" --cluster-id "$CLUSTER_ID" --group "$g" \
      --group-id "$GROUP_ID" --replica-id "$id" --join "$(own_address "$new")" \
      7<&- 9>&- 2>>"$STATE/$new/log" || die 70 "cannot make the data folder of $new"
    touch "$STATE/$new/made"
  fi
  if ! pid_of "$new" >/dev/null; then
    need_free_port "$new"
    launch "$new"
    wait_ready 20000 "$new" || exit "$EX_UNAVAILABLE"
  fi
  cli group replace "$g" "$HOST:$(port_of "$old")" "$id=$(own_address "$new")" \
    --timeout "${SHARDKV_REPLACE_TIMEOUT:-300s}" >/dev/null ||
    die "$EX_UNAVAILABLE" "$old is not replaced; run 'cluster.sh replace $old' again"
  numbers=" $(numbers_of "$g") "
  edit_group "$g" "s/^NODES=.*/NODES=\"$(xargs <<<"${numbers/ ${old: -1} / ${new: -1} }")\"/"
  if [[ -d $STATE/$old ]]; then
    stop_nodes "$old"
    rm -rf "${STATE:?}/$old"
  fi
  rm "$STATE/$new/replaced"
  if ((g == 0)); then print_env >"$STATE/env"; fi
  echo "$new has taken the place of $old"
}
# The node that is to take the place of one, if that has begun.
successor_of() {
  local file old
  for file in "$STATE"/*/replaced; do
    read -r old _ <"$file"
    if [[ $old == "$1" ]]; then basename "${file%/replaced}"; fi
  done
}
