#!/usr/bin/env bash
# Random commands for a real redis-server and for the values of RedisCommands: replies must be equal.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'HELP'
Usage: scripts/redis-oracle.sh [COMMANDS [SEED]]

Starts redis-server 7.0 on a free port with a folder and a wall clock of its own, plays COMMANDS
random commands (default 100000) with each of RESP2 and RESP3, as many sums of fractions and a
tenth of patterns, and compares the replies byte for byte. Needs redis-server and cc.
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
server=
stop() {
  if [[ -n $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
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

start() {
  SHARDKV_CLOCK_FILE=$folder/clock LD_PRELOAD=$folder/clock.so redis-server --port "$1" \
    --bind 127.0.0.1 --save '' --appendonly no --proto-max-bulk-len 1mb --dir "$folder" \
    --enable-debug-command yes >"$folder/log" 2>&1 &
  server=$!
  for ((try = 0; try < 50; try++)); do
    if ! kill -0 "$server" 2>/dev/null; then return 1; fi
    if redis-cli -p "$1" ping 2>/dev/null | grep -q PONG; then return 0; fi
    sleep 0.1
  done
  return 1
}

port=
for ((attempt = 0; attempt < 5; attempt++)); do
  candidate=$((20000 + RANDOM % 10000))
  if start "$candidate"; then
    port=$candidate
    break
  fi
done
if [[ -z $port ]]; then
  echo "redis-oracle.sh: redis-server does not start:" >&2
  cat "$folder/log" >&2
  exit 1
fi

SHARDKV_REDIS_PORT=$port SHARDKV_CLOCK_FILE=$folder/clock \
  SHARDKV_ORACLE_COMMANDS=${1:-100000} SHARDKV_ORACLE_SEED=${2:-1} \
  swift test -c release --scratch-path "${SHARDKV_ORACLE_BUILD:-.build-release-tests}" \
  --filter '^RedisCommandsTests\.'
