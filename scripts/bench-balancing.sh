#!/usr/bin/env bash
# Prints the table of docs/parts/balancing.md: for each way to balance and number of backends the
# nanoseconds of a choice and the microseconds of a rebuild.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
uptime
BALANCING_BENCH=1 SHARDKV_TESTS=ScenarioTests swift test -c release --disable-testable-imports \
  --filter '^ScenarioTests\.BalancingScenarios/costs' | grep '^|'
