"""A leader's disk that stands still for five seconds in a sync: others must write meanwhile."""

import time

from ledger import Writers
from nodes import Cluster, Tracer
from place import Wrong, need, until

STALL_SECONDS = 5.0
AGAIN_SECONDS = 3.0


def stall(cluster, writers, log):
  """One stall of whoever leads; the longest time without an acknowledged write, in seconds."""
  cluster.wait_together()
  leader = cluster.leader()
  open(log, "w", encoding="ascii").close()
  tracer = Tracer(
    leader, log, "fdatasync", [f"fdatasync:delay_enter={int(STALL_SECONDS * 1e6)}:when=20"])
  # The call is written to the log when it has ended.
  begin = time.monotonic()
  if not until(lambda: stalled_at(log), 30, pause=0.05):
    raise Wrong(f"no sync of {leader.name} was held up")
  end = time.monotonic()
  tracer.end()
  if not leader.is_alive:
    raise Wrong(f"{leader.name} ended: {leader.last_line()}")
  gap = writers.gap(begin, end)
  if gap > AGAIN_SECONDS:
    raise Wrong(f"no write was acknowledged for {gap:.2f} s while {leader.name}'s disk stood still")
  writers.wait_acks(10, 10)
  writers.rest()
  writers.judge()
  writers.go_on()
  return gap


def stalled_at(log):
  """Whether a delayed call has ended."""
  return "DELAYED" in open(log, encoding="utf-8", errors="replace").read()


def work(place, count, base):
  need("strace")
  cluster = Cluster(place, base, 3)
  cluster.begin()
  writers = Writers(cluster, count=4, size=200, timeout=1.0, pause=0.002).start()
  writers.wait_acks(100, 20)
  gaps = []
  for number in range(1, count + 1):
    gaps.append(stall(cluster, writers, place.path("strace")))
    place.progress(number, count)
  return (f"{count} syncs of a leader held up for {STALL_SECONDS:.0f} s; nothing was acknowledged "
          f"for {max(gaps):.2f} s at most, in the middle {sorted(gaps)[count // 2]:.2f} s; "
          f"{writers.end()}")
