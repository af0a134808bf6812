#!/usr/bin/env bash
# A real group of three beside a real redis-server: their answers, real clients, and bad bytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'HELP'
Usage: scripts/redis-trial.sh [COMMANDS [SEED]]

Starts a cluster with one group, once with each routing: redirect, beside a redis-server that is a
cluster by itself, and proxy, beside a plain one. Compares their answers to COMMANDS random commands
(default 1000000), then runs scripts/redis-clients.sh and scripts/redis-bad-input.py, both with
--light.
Needs redis-server and redis-cli; ports from SHARDKV_PORT_BASE (default 18300) on.

ROUTINGS is which routings are tried (default "redirect proxy").
HELP
}

case ${1:-} in -h | --help | help)
  usage
  exit
  ;;
esac
if ! command -v redis-server >/dev/null || ! command -v redis-cli >/dev/null; then
  echo "SKIPPED: redis-server is not here; to install it: apt-get install redis-server redis-tools"
  exit
fi

# shellcheck source=/dev/null
source scripts/lib/trial.sh
trial_begin redis 18300
commands=${1:-1000000} seed=${2:-1}

# The address of the leader's port for clients of Redis.
leader_address() {
  local node
  until node=$(leader_of 1) && [[ -n $node ]]; do wait_for 0.2; done
  echo "127.0.0.1:$((SHARDKV_PORT_BASE + 210 + ${node#g1n}))"
}

for routing in ${ROUTINGS:-redirect proxy}; do
  export SHARDKV_REDIS_ROUTING=$routing
  trial_up --groups 1
  address=$(leader_address)
  beside=() clients=()
  if [[ $routing == redirect ]]; then
    beside=(--lone-cluster)
    clients=(--cluster)
  else
    clients=("127.0.0.1:$((SHARDKV_PORT_BASE + 211))" "127.0.0.1:$((SHARDKV_PORT_BASE + 212))")
  fi
  echo "--- $routing: $commands commands of seed $seed"
  scripts/with-redis.sh "${beside[@]}" scripts/redis-differential.py --commands "$commands" \
    --seed "$seed" "$address"
  echo "--- $routing: clients"
  scripts/redis-clients.sh --light "${clients[@]}" "$address" | { grep -v ^PASS || true; }
  echo "--- $routing: bad input"
  scripts/redis-bad-input.py --light "$(leader_address)" | { grep -v ^PASS || true; }
  cluster down >/dev/null 2>&1
done
