#!/usr/bin/env bash
# Random requests for real redis-servers and for the values of RedisCommands: replies must be equal.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'HELP'
Usage: scripts/redis-oracle.sh [COMMANDS [SEED]]

Starts two redis-servers 7.0 on free ports, one alone and one that is a whole cluster, with folders
and a wall clock of their own. Plays COMMANDS random commands (default 100000) with each of RESP2
and RESP3, as many sums of fractions, a tenth of patterns, half as many requests of connections
(transactions, greetings, settings) with each server, asks for all properties of all commands, and
compares the replies byte for byte. Needs redis-server and cc.

SHARDKV_ORACLE_CONFIGURATION=debug tests a debug build; SHARDKV_ORACLE_BUILD is its folder.
HELP
}

case ${1:-} in -h | --help | help)
  usage
  exit
  ;;
esac
for tool in redis-server redis-cli cc; do
  if ! command -v "$tool" >/dev/null; then
    echo "SKIPPED: $tool is not here; to install it: apt-get install redis-server redis-tools gcc"
    exit
  fi
done

folder=$(mktemp -d "${TMPDIR:-/tmp}/shardkv-oracle.XXXXXX")
servers=()
stop() {
  for server in "${servers[@]}"; do
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  done
  rm -rf "$folder"
}
trap stop EXIT

# The wall clock of the server is a number in a file that the test writes.
cat >"$folder/clock.c" <<'C'
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>

static volatile uint64_t *microseconds;

__attribute__((constructor)) static void attach(void) {
  int file = open(getenv("SHARDKV_CLOCK_FILE"), O_RDONLY);
  void *page = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) abort();
  microseconds = page;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  now->tv_sec = *microseconds / 1000000;
  now->tv_usec = *microseconds % 1000000;
  return 0;
}
C
cc -O2 -shared -fPIC -o "$folder/clock.so" "$folder/clock.c"
head -c 8 /dev/zero >"$folder/clock"

# start NAME PORT OPTION...: 0 once it answers.
start() {
  local name=$1 port=$2
  shift 2
  mkdir -p "$folder/$name"
  SHARDKV_CLOCK_FILE=$folder/clock LD_PRELOAD=$folder/clock.so redis-server --port "$port" \
    --bind 127.0.0.1 --save '' --appendonly no --proto-max-bulk-len 1mb --dir "$folder/$name" \
    --databases 1 --enable-debug-command yes "$@" >"$folder/$name/log" 2>&1 &
  local server=$!
  for ((try = 0; try < 50; try++)); do
    if ! kill -0 "$server" 2>/dev/null; then return 1; fi
    if redis-cli -p "$port" ping 2>/dev/null | grep -q PONG; then
      servers+=("$server")
      return 0
    fi
    sleep 0.1
  done
  kill "$server"
  return 1
}

# start_somewhere NAME OPTION...: sets port. A cluster takes the port 10000 above, too.
start_somewhere() {
  local name=$1
  shift
  for ((attempt = 0; attempt < 5; attempt++)); do
    port=$((20000 + RANDOM % 10000))
    if start "$name" "$port" "$@"; then return; fi
  done
  echo "redis-oracle.sh: redis-server does not start:" >&2
  cat "$folder/$name/log" >&2
  exit 1
}

start_somewhere alone
alone=$port
start_somewhere cluster --cluster-enabled yes
cluster=$port
redis-cli -p "$cluster" cluster addslotsrange 0 16383 >"$folder/cluster/slots"
# A cluster is up some time after its slots are known; by its clock, which now goes on by 12 days.
printf '\x00\x00\x00\x00\x00\x01\x00\x00' >"$folder/clock.next"
dd if="$folder/clock.next" of="$folder/clock" conv=notrunc status=none
for ((try = 0; try < 50; try++)); do
  if redis-cli -p "$cluster" cluster info | grep -q cluster_state:ok; then break; fi
  sleep 0.1
done

configuration=${SHARDKV_ORACLE_CONFIGURATION:-release}
build=.build
if [[ $configuration == release ]]; then build=.build-release-tests; fi
SHARDKV_REDIS_PORT=$alone SHARDKV_REDIS_CLUSTER_PORT=$cluster SHARDKV_CLOCK_FILE=$folder/clock \
  SHARDKV_ORACLE_COMMANDS=${1:-100000} SHARDKV_ORACLE_SEED=${2:-1} \
  swift test -c "$configuration" --scratch-path "${SHARDKV_ORACLE_BUILD:-$build}" \
  --filter '^RedisCommandsTests\.'
