"""A bit changes in the memory of a replica that runs: the replica must find that its state is not
that of its group, say so, serve no more, and come back with everything right, as the same process.

The value is changed wherever it stands in that process, so that no buffer hides the change. Rounds
go by turns to a follower and to the leader.
"""

import os
import random
import re

from ledger import Writers
from nodes import QUICK, Cluster
from place import Skip, Wrong, until

OPTIONS = ("--snapshot-bytes", "262144", *QUICK)
# What was promised, and what the rest may take: two more comparisons.
FOUND_SECONDS = 60
BACK_SECONDS = 90
FOUND = b"the state of this replica differs from its group"
PIECE = 1 << 20


def memory(process):
  """The memory of a process, to be read and written."""
  try:
    return open(f"/proc/{process}/mem", "r+b", buffering=0)
  except OSError as error:
    raise Skip(f"it needs the right to write the memory of another process ({error})") from None


def areas(process):
  """The parts of a process's memory that it may change."""
  with open(f"/proc/{process}/maps", encoding="utf-8", errors="replace") as file:
    for line in file:
      found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
      if found and "[v" not in line:
        yield int(found[1], 16), int(found[2], 16)


def places(file, process, text):
  """Where a text stands."""
  for start, end in areas(process):
    for at in range(start, end, PIECE):
      try:
        file.seek(at)
        piece = file.read(min(PIECE + len(text) - 1, end - at))
      except OSError:
        continue
      found = piece.find(text)
      while found >= 0:
        if found < PIECE:
          yield at + found
        found = piece.find(text, found + 1)


def flip(node, value, source):
  """Changes one bit of a value wherever it stands; how often it did."""
  process = node.process.pid
  byte, bit = source.randrange(len(value)), 1 << source.randrange(8)
  node.stop()
  count = 0
  with memory(process) as file:
    for place in list(places(file, process, value)):
      file.seek(place + byte)
      file.write(bytes([value[byte] ^ bit]))
      count += 1
  node.go_on()
  return count


class Town:
  """Three replicas and those who write; in each round a bit changes in one."""

  def __init__(self, place, base, seed):
    self.random = random.Random(seed)
    self.cluster = Cluster(place, base, 3, OPTIONS)
    self.cluster.begin()
    memory(self.cluster.nodes[0].process.pid).close()
    self.writers = Writers(
      self.cluster, count=4, size=400, timeout=1.0, pause=0.002, keeps=False, seed=seed).start()
    self.client = self.cluster.client()
    self.found, self.back = [], []

  def said(self, node, offset):
    """What a node has logged since."""
    with open(node.log, "rb") as log:
      log.seek(offset)
      return log.read()

  def agrees(self, node):
    """Whether a node was compared with the others since it started, and is as they are."""
    status = self.cluster.replicas().get(node.peer, {})
    return status.get("agreeing") == 2 and status.get("differed") == 1

  def round(self, number, is_leader):
    self.cluster.wait_together()
    key, value = f"mark:{number}", self.random.randbytes(32).hex().encode()
    self.client.read("SET", key, value)
    self.cluster.wait_together()
    leader = self.cluster.leader()
    victim = leader if is_leader else self.random.choice(
      [node for node in self.cluster.nodes if node is not leader])
    # A little later, so that the followers have applied what the leader has.
    self.writers.wait_acks(20, 20)
    offsets = {node: os.path.getsize(node.log) for node in self.cluster.nodes}
    count = flip(victim, value, self.random)
    if count == 0:
      raise Wrong(f"the value of {key} does not stand in the memory of {victim.name}")
    self.find(victim, offsets)
    self.come_back(victim)
    others = b"".join(
      self.said(node, offsets[node]) for node in self.cluster.nodes if node is not victim)
    if b"differs from its group" not in others:
      raise Wrong(f"nobody but {victim.name} says that it differs")
    if FOUND in others:
      raise Wrong(f"another replica than {victim.name} was rebuilt")
    if (there := self.client.read("GET", key)) != value:
      raise Wrong(f"{key} is {there} and not {value}")
    self.writers.wait_acks(3, 20)
    self.writers.rest()
    self.writers.judge()
    self.writers.go_on()

  def find(self, victim, offsets):
    begin = os.times().elapsed
    if not until(lambda: FOUND in self.said(victim, offsets[victim]), FOUND_SECONDS, pause=0.02):
      raise Wrong(f"{victim.name} does not find within {FOUND_SECONDS} s that it differs")
    self.found.append(os.times().elapsed - begin)

  def come_back(self, victim):
    begin = os.times().elapsed
    if not until(lambda: self.agrees(victim), BACK_SECONDS, pause=0.2):
      raise Wrong(
        f"{victim.name} does not agree again within {BACK_SECONDS} s: {self.cluster.replicas()}")
    self.back.append(os.times().elapsed - begin)
    if not victim.is_alive:
      raise Wrong(f"{victim.name} is another process now: {victim.last_line()}")


def work(place, count, base):
  town = Town(place, base, seed=count)
  for number in range(1, count + 1):
    try:
      town.round(number, is_leader=number % 2 == 0)
    except Wrong as error:
      raise Wrong(f"{error}, round {number}") from None
    place.progress(number, count)
  found, back = sorted(town.found), sorted(town.back)
  return (f"{count} flipped bits found after {found[-1]:.1f} s at most, in the middle "
          f"{found[count // 2]:.1f} s; rebuilt and compared again {back[-1]:.1f} s later at most, "
          f"in the middle {back[count // 2]:.1f} s; {town.writers.end()}")
