#!/usr/bin/env bash
# Real clients of Redis, unchanged, against a running server: a line for each check.
# Checks are functions that `check` calls by their names.
# shellcheck disable=SC2317
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'HELP'
Usage: scripts/redis-clients.sh [--cluster] [--light] HOST:PORT...
       scripts/redis-clients.sh [--cluster] --for SECONDS [OPTION...] HOST:PORT...
       scripts/redis-clients.sh --redis

Uses redis-cli, redis-benchmark and redis-py (Debian's, and PyPI's current one) as people do, and
checks what they say: PASS, FAIL or SKIPPED; ends with 1 if something failed. Keys that it makes are
deleted. With --cluster the addresses are of some nodes of a cluster that answers with MOVED;
otherwise every address has to serve every key. --light leaves redis-benchmark out.

--redis checks the checks: against a real redis-server, and a real cluster of three.

--for SECONDS writes in a loop instead, and says which errors came, what was lost or done twice, and
for how long nothing was acknowledged: to be run while a leader is killed and a shard moves. OPTIONs
are those of scripts/redis/writers.py, such as --protocol 3, --writers 8, --gap-max SECONDS.

PyPI's redis-py is looked for in the virtual environment SHARDKV_REDIS_VENV (default
.build/redis-venv).
HELP
}

venv=${SHARDKV_REDIS_VENV:-.build/redis-venv}
mode=plain is_light=
addresses=() writers=()
while (($# > 0)); do
  case $1 in
    -h | --help | help)
      usage
      exit
      ;;
    --cluster) mode=cluster ;;
    --light) is_light=1 ;;
    --redis)
      scripts/with-redis.sh scripts/redis-clients.sh
      exec scripts/with-redis.sh --cluster scripts/redis-clients.sh --cluster
      ;;
    --for | --protocol | --writers | --gap-max | --timeout)
      writers+=("$1" "${2?$1 needs a value}")
      shift
      ;;
    *:*) addresses+=("$1") ;;
    *)
      echo "redis-clients.sh: '$1' is not HOST:PORT; --help says more" >&2
      exit 64
      ;;
  esac
  shift
done
if ((${#addresses[@]} == 0)); then
  usage >&2
  exit 64
fi
host=${addresses[0]%:*} port=${addresses[0]##*:}
cluster=()
if [[ $mode == cluster ]]; then cluster=(--cluster); fi
export PYTHONDONTWRITEBYTECODE=1

# The pythons that have redis-py, Debian's first; says how to install what is missing.
pythons=()
if /usr/bin/python3 -c 'import redis' 2>/dev/null; then
  pythons+=(/usr/bin/python3)
else
  echo "SKIPPED  Debian's redis-py is not here; to install it: apt-get install python3-redis"
fi
if "$venv/bin/python" -c 'import redis' 2>/dev/null; then
  pythons+=("$venv/bin/python")
else
  echo "SKIPPED  PyPI's redis-py is not here; to install it:" \
    "python3 -m venv $venv && $venv/bin/pip install redis"
fi

if ((${#writers[@]} > 0)); then
  if ((${#pythons[@]} == 0)); then exit 1; fi
  exec "${pythons[-1]}" scripts/redis/writers.py "${cluster[@]}" "${writers[@]}" "${addresses[@]}"
fi

for tool in redis-cli redis-benchmark; do
  if ! command -v "$tool" >/dev/null; then
    echo "SKIPPED  $tool is not here; to install it: apt-get install redis-tools"
  fi
done

failed=0
folder=$(mktemp -d "${TMPDIR:-/tmp}/shardkv-clients.XXXXXX")
trap 'rm -rf "$folder"' EXIT

# check NAME FUNCTION: what the function prints is shown if it fails.
check() {
  if "$2" >"$folder/output" 2>&1; then
    echo "PASS  $1"
  else
    echo "FAIL  $1"
    head -c 2000 "$folder/output" | sed 's/^/      /'
    failed=1
  fi
}

cli() { redis-cli -e -h "$host" -p "$port" "$@"; }

# same EXPECTED COMMAND...: the command succeeds and prints just that.
same() {
  local expected=$1 found
  shift
  found=$("$@") || {
    echo "status $? of $*: $found"
    return 1
  }
  if [[ $found != "$expected" ]]; then
    printf '%s\nprints   %s\nexpected %s\n' "$*" "$found" "$expected"
    return 1
  fi
}

# has PATTERN COMMAND...: the command succeeds and a line of its output matches.
has() {
  local pattern=$1
  shift
  "$@" >"$folder/found" 2>&1 || {
    echo "status $? of $*:"
    cat "$folder/found"
    return 1
  }
  grep -Eq -- "$pattern" "$folder/found" || {
    echo "$* prints nothing like $pattern:"
    cat "$folder/found"
    return 1
  }
}

# Sets the server that is asked by clients that are not of a cluster: the first, or whoever has the
# keys that begin with the prefix.
find_server() {
  local answer
  answer=$(redis-cli -h "$host" -p "$port" exists "$prefix" 2>&1) || true
  case $answer in
    0) ;;
    MOVED*)
      host=${answer##* } port=${answer##*:}
      host=${host%:*}
      ;;
    *)
      echo "FAIL  ${addresses[0]} answers EXISTS with $answer"
      exit 1
      ;;
  esac
}

plain_commands() {
  same OK cli set "$prefix:a" 'some text' && same 'some text' cli get "$prefix:a" &&
    same 1 cli incr "$prefix:n" && same 2 cli incr "$prefix:n" &&
    same string cli type "$prefix:a" &&
    same PONG cli ping && has '^redis_version:' cli info server &&
    same '"some text","2",NULL' cli --csv mget "$prefix:a" "$prefix:n" "$prefix:none"
}

errors_are_shown() {
  if cli incr "$prefix:a"; then return 1; fi
  if cli nosuchcommand; then return 1; fi
}

standard_input() {
  same OK cli -x set "$prefix:x" <<<$'two\nlines' && same $'two\nlines' cli get "$prefix:x" &&
    same $'OK\nOK\nQUEUED\nQUEUED\n1\n2' cli <<<"set $prefix:n 0"$'\n'"multi"$'\n'"incr $prefix:n
incr $prefix:n
exec"
}

version_three() {
  has '^proto 3$' cli -3 hello && same '{"maxmemory":"0"}' cli -3 --json config get maxmemory &&
    same 'some text' cli -3 get "$prefix:a"
}

# Runs until it is stopped; written to a pipe it would keep its lines to itself.
statistics() {
  timeout 4 stdbuf -oL redis-cli -h "$host" -p "$port" --stat >"$folder/stat" || (($? == 124))
  cat "$folder/stat"
  (($(grep -Ec '^[0-9]+ +[0-9.]+[BKMG] +[0-9]+ ' "$folder/stat") >= 3))
}

latency() { has '^[0-9]+ [0-9]+ [0-9.]+ [0-9]+$' cli --latency; }

big_keys() {
  head -c 1000000 /dev/zero | tr '\0' x | cli -x set "$prefix:big" &&
    has "^Biggest string found '\"$prefix:big\"' has 1000000 bytes" cli --bigkeys &&
    has '^Sampled [0-9]+ keys in the keyspace!' cli --bigkeys &&
    has "^Biggest string found '\"$prefix:big\"'" cli --memkeys
}

pipe() {
  awk -v key="$prefix:p" 'BEGIN {
    for (i = 1; i <= 10000; i++) {
      name = key ":" i
      printf "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%d\r\n", length(name), name, length(i), i
    }
  }' >"$folder/requests"
  has '^errors: 0, replies: 10000$' cli --pipe <"$folder/requests" &&
    same 10000 cli get "$prefix:p:10000"
}

# SCAN by redis-cli finds what --pipe wrote.
scan() {
  local found
  found=$(cli --scan --pattern "$prefix:p:*" | sort -u | wc -l)
  if ((found != 10000)); then
    echo "it finds $found of 10000 keys"
    return 1
  fi
}

# Every address serves every key, or says who does.
all_addresses() {
  local address output status=0
  for address in "${addresses[@]}"; do
    output=$(redis-cli -e -h "${address%:*}" -p "${address##*:}" "$@" get "$prefix:a" 2>&1) || true
    if [[ $output != 'some text' ]]; then
      echo "$address answers $output"
      status=1
    fi
  done
  return "$status"
}

redirections() {
  all_addresses -c || return 1
  {
    for number in {1..100}; do echo "set clients:$$:$number $number"; done
    for number in {1..100}; do echo "get clients:$$:$number"; done
    for number in {1..100}; do echo "del clients:$$:$number"; done
  } | cli -c | grep -v Redirected >"$folder/answers"
  diff "$folder/answers" <(for number in {1..100}; do echo OK; done && seq 100 &&
    for number in {1..100}; do echo 1; done)
}

cluster_check() {
  has 'All nodes agree about slots configuration' redis-cli --cluster check "${addresses[0]}" &&
    has 'All 16384 slots covered' redis-cli --cluster check "${addresses[0]}" &&
    has 'keys in [0-9]+ masters' redis-cli --cluster info "${addresses[0]}" &&
    has '^[0-9.:]+: PONG' redis-cli --cluster call "${addresses[0]}" ping
}

# Each test ends with its figure; at an error of the server it ends at once.
benchmark() {
  redis-benchmark -h "$host" -p "$port" -c 20 -n 20000 -P 8 -q "$@" \
    -t ping,set,get,incr,mset >"$folder/benchmark" 2>&1 || {
    cat "$folder/benchmark"
    return 1
  }
  tr '\r' '\n' <"$folder/benchmark" | grep -E 'requests per second|rror'
  (($(grep -c 'requests per second' "$folder/benchmark") == 6)) &&
    ! grep -qi error "$folder/benchmark"
}
benchmark_cluster() { benchmark --cluster; }
benchmark_version_three() { benchmark -3; }

# All that it was told is carried out, and once.
benchmark_counts() {
  same 1 cli del "$prefix:n" || return 1
  redis-benchmark -h "$host" -p "$port" -c 20 -n 20000 -P 8 -q incr "$prefix:n" || return 1
  same 20000 cli get "$prefix:n"
}

clean_up() {
  local address key
  for address in "${addresses[@]}"; do
    for pattern in "$prefix*" 'key:*__rand_int__' 'counter:*__rand_int__'; do
      redis-cli -h "${address%:*}" -p "${address##*:}" --scan --pattern "$pattern"
    done | while read -r key; do echo "del $key"; done |
      redis-cli -h "${address%:*}" -p "${address##*:}" -c >"$folder/deleted"
  done
  same '' cli --scan --pattern "$prefix*"
}

prefix="{clients:$$}"
find_server
if command -v redis-cli >/dev/null; then
  check "redis-cli, plain" plain_commands
  check "redis-cli, errors" errors_are_shown
  check "redis-cli, standard input and MULTI" standard_input
  check "redis-cli -3" version_three
  check "redis-cli --stat" statistics
  check "redis-cli --latency" latency
  check "redis-cli --bigkeys, --memkeys" big_keys
  check "redis-cli --pipe" pipe
  check "redis-cli --scan" scan
  if [[ $mode == cluster ]]; then
    check "redis-cli -c" redirections
    check "redis-cli --cluster check, info, call" cluster_check
  else
    check "redis-cli, all addresses" all_addresses
  fi
fi
if [[ -z $is_light ]] && command -v redis-benchmark >/dev/null; then
  check "redis-benchmark, counting" benchmark_counts
  if [[ $mode == cluster ]]; then
    check "redis-benchmark --cluster" benchmark_cluster
  else
    check "redis-benchmark" benchmark
    check "redis-benchmark -3" benchmark_version_three
  fi
fi
check "cleaning up" clean_up

for python in "${pythons[@]}"; do
  for protocol in 2 3; do
    "$python" scripts/redis/workload.py "${cluster[@]}" --protocol "$protocol" "${addresses[@]}" ||
      failed=1
  done
done
exit "$failed"
