#!/usr/bin/env bash
# Random bytes for parsers, under the address sanitizer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'HELP'
Usage: scripts/fuzz.sh redis|files [INPUTS [SEED]]

Builds the program in release with the address sanitizer and plays INPUTS inputs (default 10000000) of
SEED (default 1). A single allocation of more than 1 MiB ends the run. The first finding is printed and
ends it with 3, a trap with its signal.

  redis   resp-fuzz: requests and replies of Redis' protocol that were changed at random places, and
          random bytes. Each is given to a parser whole, in random pieces and byte by byte, as by a
          stranger, by a client that is known, and with limits that short inputs reach: the same must
          come of it, the same error and the same bytes must be left, and what is allocated must be
          bounded by what came
  files   file-fuzz: one input of eight is a data folder with damaged, missing, moved and foreign
          files, half of them with checksums that were made right again. What recovery reads must
          have been written once, must be the same after its repairs, and must bear another entry and
          a node; 'journal inspect' must find what recovery finds. The others are entries, chunks,
          snapshots, memberships, and work and results of other nodes: what is taken must be written
          and read again as the same. What is allocated must be bounded by what came

SHARDKV_FUZZ_BUILD is the folder of the build (default .build-asan).
HELP
}

case ${1:-} in
  redis) product=resp-fuzz ;;
  files) product=file-fuzz ;;
  -h | --help | help)
    usage
    exit
    ;;
  *)
    usage >&2
    exit 64
    ;;
esac

build=(swift build -c release --sanitize=address --product "$product"
  --scratch-path "${SHARDKV_FUZZ_BUILD:-.build-asan}")
"${build[@]}"
# What was freed is kept for a while, to see its use; much of it would only be slow, and so would be
# to note who allocated each byte. Swift keeps some values for ever, which is no leak.
options=abort_on_error=1:detect_leaks=0:max_allocation_size_mb=1:quarantine_size_mb=16
options+=:malloc_context_size=1:detect_stack_use_after_return=0
ASAN_OPTIONS=${ASAN_OPTIONS:-$options} \
  exec "$("${build[@]}" --show-bin-path)/$product" run --inputs "${2:-10000000}" --seed "${3:-1}"
