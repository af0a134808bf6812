#!/usr/bin/env bash
# Hunts planted bugs: planted-bugs.sh [--seeds N] [--jobs J] [NAME...], all of them if none is named.
# It prints a table of what found each, and succeeds if each was found within N seeds (2000).
# SHARDKV_BIN names the folder of the programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sim=${SHARDKV_BIN:-$(swift build -c release --show-bin-path)}/shardkv-sim
arguments=(--seeds 2000)
names=()
while (($# > 0)); do
  case $1 in
    --seeds | --jobs)
      arguments+=("$1" "${2:?$1 needs a number}")
      shift
      ;;
    -*)
      sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}" >&2
      exit 64
      ;;
    *) names+=("$1") ;;
  esac
  shift
done
if ((${#names[@]} == 0)); then mapfile -t names < <("$sim" bugs); fi
output=$(mktemp)
trap 'rm -f "$output"' EXIT

missed=0
for name in "${names[@]}"; do
  status=0
  "$sim" run "${arguments[@]}" --verify-replays 0 --bug "$name" >"$output" 2>&1 || status=$?
  case $status in
    3 | 4 | 5)
      seed=$(sed -n 's/.*found by seed \([0-9]*\).*/\1/p' "$output")
      # What was seen, without when.
      reason=$(sed -n "s/^seed $seed: \([^(]*\) at [0-9.]* s: /\1: /p; t
        s/^seed $seed: \(the process\|not done\)/\1/p" "$output" | head -n 1 | cut -c 1-120)
      printf '%-31s %4s  %s\n' "$name" "$seed" "$reason"
      ;;
    *)
      missed=$((missed + 1))
      printf '%-31s    –  not found; shardkv-sim ended with %s\n' "$name" "$status"
      ;;
  esac
done
echo "planted-bugs.sh: ${#names[@]} bugs, $missed not found"
((missed == 0))
