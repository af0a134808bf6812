#!/usr/bin/env bash
# Hunts every planted bug, one line each: planted-bugs.sh [SEEDS [NAME...]], 2000 seeds if not said.
# A bug that no seed finds fails the script. SHARDKV_BIN names the folder of the programs, SIM_JOBS
# how many seeds run at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seeds=${1:-2000}
sim=${SHARDKV_BIN:-$(swift build -c release --show-bin-path)}/shardkv-sim
names=("${@:2}")
if [[ ${#names[@]} == 0 ]]; then mapfile -t names < <("$sim" bugs); fi
output=$(mktemp)
trap 'rm -f "$output"' EXIT

missed=0
for name in "${names[@]}"; do
  status=0
  "$sim" run --seeds "$seeds" --verify-replays 0 ${SIM_JOBS:+--jobs "$SIM_JOBS"} --bug "$name" \
    >"$output" 2>&1 || status=$?
  case $status in
    3 | 4 | 5)
      found=$(grep -o 'found by seed [0-9]*' "$output")
      # What the checker said, without the seed and on one line.
      reason=$(grep -m 1 -E '^seed [0-9]+: (wrong result|no progress|the process|not done)' "$output" |
        cut -d ' ' -f 3- | cut -c 1-150)
      echo "$name: $found (exit code $status): $reason"
      ;;
    *)
      missed=$((missed + 1))
      echo "$name: NOT FOUND, 'shardkv-sim run --seeds $seeds --bug $name' ended with $status"
      ;;
  esac
done
echo "planted-bugs.sh: ${#names[@]} bugs, $missed not found"
[[ $missed == 0 ]]
