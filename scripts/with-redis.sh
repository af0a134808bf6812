#!/usr/bin/env bash
# Real redis-servers for as long as a command runs.
set -euo pipefail

usage() {
  cat <<'HELP'
Usage: scripts/with-redis.sh [--cluster | --lone-cluster] [--password WORD] COMMAND...

Starts a redis-server in a temporary folder, on a free port of 127.0.0.1, and runs COMMAND with its
HOST:PORT behind; with --cluster three, each with a third of the slots; with --lone-cluster one that
is a cluster by itself. The status is that of the
command. SHARDKV_REDIS_PID is the process of the (first) server. Values have 1 MiB at most, as
shardkv's, and there is one database.

  scripts/with-redis.sh --cluster scripts/redis-clients.sh --cluster
HELP
}

is_cluster='' is_lone='' password=''
while (($# > 0)); do
  case $1 in
    -h | --help | help)
      usage
      exit
      ;;
    --cluster) is_cluster=1 ;;
    --lone-cluster) is_cluster=1 is_lone=1 ;;
    --password)
      password=$2
      shift
      ;;
    *) break ;;
  esac
  shift
done
if (($# == 0)); then
  usage >&2
  exit 64
fi
for tool in redis-server redis-cli; do
  if ! command -v "$tool" >/dev/null; then
    echo "SKIPPED: $tool is not here; to install it: apt-get install redis-server redis-tools"
    exit
  fi
done

folder=$(mktemp -d "${TMPDIR:-/tmp}/shardkv-redis.XXXXXX")
servers=() addresses=()
# Invoked by the trap.
# shellcheck disable=SC2317
stop() {
  for server in "${servers[@]}"; do
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  done
  rm -rf "$folder"
}
trap stop EXIT

options=(--bind 127.0.0.1 --protected-mode no --save '' --appendonly no --databases 1
  --proto-max-bulk-len 1mb)
if [[ -n $password ]]; then
  options+=(--requirepass "$password" --masterauth "$password")
  export REDISCLI_AUTH=$password
fi
if [[ -n $is_cluster ]]; then
  options+=(--cluster-enabled yes --cluster-node-timeout 2000)
fi

answers() { redis-cli -p "$1" ping 2>/dev/null | grep -q PONG; }

# A server on a port that nobody has; a cluster's also takes the port 10000 above.
start() {
  local name=$1 port server
  for ((attempt = 0; attempt < 5; attempt++)); do
    port=$((20000 + RANDOM % 10000))
    mkdir -p "$folder/$name"
    if answers "$port"; then continue; fi
    redis-server --port "$port" --dir "$folder/$name" "${options[@]}" >"$folder/$name/log" 2>&1 &
    server=$!
    for ((try = 0; try < 50; try++)); do
      if ! kill -0 "$server" 2>/dev/null; then continue 2; fi
      if answers "$port"; then
        servers+=("$server")
        addresses+=("127.0.0.1:$port")
        return
      fi
      sleep 0.1
    done
    kill "$server"
  done
  echo "with-redis.sh: redis-server does not start:" >&2
  cat "$folder/$name/log" >&2
  exit 1
}

start first
if [[ -n $is_lone ]]; then
  redis-cli -p "${addresses[0]##*:}" cluster addslotsrange 0 16383 >"$folder/create"
elif [[ -n $is_cluster ]]; then
  start second
  start third
  redis-cli --cluster create "${addresses[@]}" --cluster-yes >"$folder/create" || {
    cat "$folder/create" >&2
    exit 1
  }
fi
if [[ -n $is_cluster ]]; then
  for address in "${addresses[@]}"; do
    for ((try = 0; try < 100; try++)); do
      if redis-cli -p "${address##*:}" cluster info | grep -q cluster_state:ok; then break; fi
      sleep 0.1
    done
  done
fi
unset REDISCLI_AUTH

SHARDKV_REDIS_PID=${servers[0]} "$@" "${addresses[@]}"
