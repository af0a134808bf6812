#!/usr/bin/env python3
"""Runs one part of the torture: `torture.sh` says which there are."""

import os
import sys

sys.dont_write_bytecode = True

import kill_calls  # noqa: E402
import flips  # noqa: E402
import full  # noqa: E402
import memory  # noqa: E402
import power  # noqa: E402
import size  # noqa: E402
import stall  # noqa: E402
import sync_errors  # noqa: E402
from place import part  # noqa: E402

# What each part does, how often unless told otherwise, and the first of its ports.
PARTS = {
  "size": (size.work, 1_000_000, 23900),
  "full": (full.work, 50, 23700),
  "flips": (flips.work, 300, 23800),
  "memory": (memory.work, 10, 23850),
  "kill-calls": (kill_calls.work, 2000, 23000),
  "power": (power.work, 500, 23400),
  "sync-errors": (sync_errors.work, 100, 23500),
  "stall": (stall.work, 20, 23600),
}


def main():
  work, count, base = PARTS[sys.argv[1]]
  count = int(sys.argv[2]) if len(sys.argv) > 2 else count
  base = int(os.environ.get("SHARDKV_PORT_BASE", base))
  return part(sys.argv[1], lambda place: work(place, count, base))


if __name__ == "__main__":
  sys.exit(main())
