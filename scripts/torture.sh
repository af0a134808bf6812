#!/usr/bin/env bash
# Faults that no simulator has: real processes, real system calls, real file systems.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'HELP'
Usage: scripts/torture.sh PART [COUNT]

  kill-calls   kill -9 at each of the first COUNT (2000) system calls that write, sync, rename, remove
               or send: a lone replica, and a quarter as often one of three
  power        COUNT (500) power cuts: what of a real ext4 is on the disk becomes the disk, of one
               replica or of all three. Needs root, for loop devices
  sync-errors  EIO and ENOSPC at each of the first COUNT (100) fdatasync and fsync of a lone replica;
               and COUNT times in one of three, by turns the leader. Needs strace
  stall        the leader's disk stands still for 5 s in a sync, COUNT (20) times. Needs strace
  full         another file fills the disk to the last byte, COUNT (50) times each under three replicas
               and under one. Needs root
  flips        a bit changes in a replica's files, or their end is gone, COUNT (300) times
  memory       a bit changes in the memory of a running replica, by turns the leader, COUNT (10) times.
               Needs the right to write its memory: root, or ptrace
  size         COUNT (1,000,000) keys of 256 bytes: memory, disk, time to start, latency; a table
  short        all but size, briefly: what scripts/test.sh torture runs

After each fault every write that was acknowledged must be there, once, and nothing that was refused. The
last line of a part begins with PASS, FAIL (exit code 1) or SKIPPED; after FAIL the folders and logs stay
for a look. The parts have their own nodes, on ports from 23000 on, in a folder of TMPDIR
(default /var/tmp), which must be on a real disk.
Environment: SHARDKV_BIN (folder of built programs), SHARDKV_PORT_BASE, JOBS (2: processes of kill-calls).
HELP
}

find_programs() {
  if [[ -z ${SHARDKV_BIN:-} ]]; then
    local program
    for program in shardkv-server shardkv-cli; do swift build -c release --product "$program" >&2; done
    SHARDKV_BIN=$(swift build -c release --show-bin-path)
  fi
  export SHARDKV_BIN
}

run() { python3 scripts/torture/torture.py "$@"; }

short() {
  local status=0 each
  for each in "kill-calls 24" "power 6" "sync-errors 2" "stall 1" "full 2" "flips 6" "memory 2"; do
    # shellcheck disable=SC2086
    run $each || status=1
  done
  return "$status"
}

main() {
  case ${1:-} in
    -h | --help | help) usage ;;
    kill-calls | power | sync-errors | stall | full | flips | memory | size | short)
      if ! command -v python3 >/dev/null; then
        echo "SKIPPED $1: it needs python3"
        return
      fi
      find_programs
      if [[ $1 == short ]]; then short; else run "$@"; fi
      ;;
    *)
      usage >&2
      return 64
      ;;
  esac
}
main "$@"
