#!/usr/bin/env bash
# The checks, in named passes: `test.sh` runs all of them, `test.sh unit shell` only those two.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PASSES=(format lint build unit scenarios sim cluster torture shell)
SIM_SEEDS=${SIM_SEEDS:-60}

usage() {
  cat <<'HELP'
Usage: scripts/test.sh [PASS...]

  format     swift format finds nothing to change
  lint       Tests/TidyTests: imports, forbidden constructs, lengths, leftovers, links
  build      every program in release, warnings are errors
  unit       all tests but the scenarios, in debug
  scenarios  the classic lab scenarios on simulated clusters, the controller and the checker of
             histories against trying every order, in release
  sim        random clusters under faults, SIM_SEEDS seeds (default 60), and the exit codes of
             shardkv-sim, in release
  cluster    a real cluster of processes on this machine, once through its life
  torture    real processes that are killed, lose power and have bad disks, briefly; what the machine
             cannot do (root, strace) is skipped
  shell      shellcheck over the scripts

Without a pass all are run, in this order. The first that fails ends the run with its status.
HELP
}

pass_format() { swift format lint --strict --recursive --parallel Package.swift Sources Tests; }

# A filter that matches nothing is a mistake, though swift test calls it a success.
run_tests() {
  mkdir -p .build
  swift test "$@" 2>&1 | tee .build/test.log
  if grep -q 'Test run with 0 tests' .build/test.log; then
    echo "test.sh: 'swift test $*' ran no test" >&2
    return 1
  fi
}

pass_lint() { run_tests --filter '^TidyTests\.'; }

pass_build() { swift build -c release; }

pass_unit() { run_tests --skip '^TidyTests\.' --skip '^ScenarioTests\.'; }

# Of the modules that the programs are made of: compiled once, without what @testable needs.
pass_scenarios() {
  export SHARDKV_TESTS='ScenarioTests ShardCtrlerTests SimulationTests'
  run_tests -c release --disable-testable-imports \
    --filter '^(ScenarioTests|ShardCtrlerTests)\.|^SimulationTests\.(BruteForce|KnownHistories|Lineariz)'
}

pass_sim() {
  pass_build
  SHARDKV_BIN=$(swift build -c release --show-bin-path) scripts/sim-test.sh
  "$(swift build -c release --show-bin-path)/shardkv-sim" run --seeds "$SIM_SEEDS"
}

pass_cluster() {
  pass_build
  SHARDKV_BIN=$(swift build -c release --show-bin-path) scripts/cluster-test.sh
}

pass_torture() {
  pass_build
  SHARDKV_BIN=$(swift build -c release --show-bin-path) scripts/torture.sh short
}

pass_shell() {
  if ! command -v shellcheck >/dev/null; then
    echo "SKIPPED: shellcheck is not here; to install it: apt-get install shellcheck"
    return
  fi
  git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck --severity=style
}

main() {
  local name known begin all=$SECONDS passes=("$@") times=()
  case ${1:-} in -h | --help | help)
    usage
    return
    ;;
  esac
  ((${#passes[@]} > 0)) || passes=("${PASSES[@]}")
  for name in "${passes[@]}"; do
    known=
    for pass in "${PASSES[@]}"; do if [[ $pass == "$name" ]]; then known=1; fi; done
    if [[ -z $known ]]; then
      echo "test.sh: there is no pass '$name'; there are: ${PASSES[*]}" >&2
      return 64
    fi
  done
  for name in "${passes[@]}"; do
    printf '\n=== %s\n' "$name"
    begin=$SECONDS
    # In a shell of its own, so that -e holds inside the pass and its status is known here.
    set +e
    (
      set -e
      "pass_$name"
    )
    status=$?
    set -e
    times+=("$name $((SECONDS - begin)) s")
    if ((status != 0)); then
      printf '\n=== %s FAILED with status %s after %s s\n' "$name" "$status" "$((SECONDS - begin))"
      return "$status"
    fi
    printf '=== %s passed in %s s\n' "$name" "$((SECONDS - begin))"
  done
  printf '\nAll passed in %s s:' "$((SECONDS - all))"
  printf ' %s;' "${times[@]}"
  printf '\n'
}
main "$@"
