"""A disk that another file fills to the last byte, and that is freed again: writes must be refused
with the reason, reads and deletes must go on, nothing may be lost, and no process may end."""

import os
import time

from client import Answered, Lost, Refused
from disks import Disk
from ledger import Writers
from nodes import QUICK, Cluster
from place import Wrong, need, program, run, until

MEBIBYTES = 160
OPTIONS = ("--snapshot-bytes", "524288", *QUICK)
REFUSED_SECONDS = 1.0
AGAIN_SECONDS = 5.0
FULL_SECONDS = 1.5
MUCH = 10 << 20


class Ballast:
  """The other file."""

  def __init__(self, disk):
    self.disk = disk
    self.path = os.path.join(disk.folder, "ballast")

  def fill(self):
    """Takes all that there is, and again what appears for so long as the moment lasts."""
    file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for size in (1 << 20, 1 << 12, 1):
      block = b"b" * size
      try:
        while os.write(file, block) > 0:
          pass
      except OSError:
        pass
    os.close(file)

  def free(self):
    os.unlink(self.path)


class Town:
  """A group of three, all or one of it on the small disk."""

  def __init__(self, place, base, is_shared):
    self.is_shared = is_shared
    self.disk = Disk(place, "small", MEBIBYTES if is_shared else MEBIBYTES // 3)
    self.ballast = Ballast(self.disk)
    homes = [self.disk.folder] * 3 if is_shared else [self.disk.folder, place.folder, place.folder]
    self.cluster = Cluster(place, base, 3, OPTIONS, homes=homes)
    self.cluster.begin()
    self.processes = [node.process.pid for node in self.cluster.nodes]
    self.writers = Writers(
      self.cluster, count=3, size=300, timeout=1.0, pause=0.002, keeps=False).start()
    self.client = self.cluster.client(1.0)
    self.slowest = {"refused": 0.0, "again": 0.0, "full": 0.0}
    self.number = 0

  def all_run(self):
    for node, process in zip(self.cluster.nodes, self.processes):
      if not node.is_alive or node.process.pid != process:
        raise Wrong(f"{node.name} ended: {node.last_line()}")

  def write(self):
    return self.put(b"probe", b"p" * 1000)

  def put(self, key, value):
    """What a write gets: "" when it was done."""
    try:
      self.client.ask("SET", key, value)
      return ""
    except (Refused, Lost, Answered) as error:
      return str(error)

  def fills_and_frees(self):
    """All replicas are on the disk that is full."""
    self.number += 1
    key = f"victim{self.number}"
    self.client.read("SET", key, "x" * 2000)
    self.ballast.fill()
    begin = time.monotonic()
    answer = until(lambda: self.refusal(), REFUSED_SECONDS + 1, pause=0.01)
    took = time.monotonic() - begin
    self.all_run()
    if answer is None or took > REFUSED_SECONDS:
      raise Wrong(f"{took:.2f} s after the disk was full a write gets {answer or self.write()!r}")
    self.slowest["refused"] = max(self.slowest["refused"], took)
    if self.client.read("GET", key, seconds=2) != b"x" * 2000:
      raise Wrong("a read is wrong while the disk is full")
    if self.client.read("DEL", key, seconds=2) != 1:
      raise Wrong("a delete did not do it while the disk is full")
    text = self.cli_put()
    if "space" not in text and "full" not in text:
      raise Wrong(f"shardkv-cli does not say that a disk is full: {text.strip()}")
    time.sleep(FULL_SECONDS)
    self.ballast.fill()
    if not self.refusal():
      raise Wrong("a write is taken while the disk is full")
    self.all_run()
    self.ballast.free()
    begin = time.monotonic()
    if until(lambda: self.write() == "", AGAIN_SECONDS, pause=0.01) is None:
      raise Wrong(f"{AGAIN_SECONDS} s after there is space again a write gets {self.write()!r}")
    self.slowest["again"] = max(self.slowest["again"], time.monotonic() - begin)

  def refusal(self):
    """The refusal that a write gets for want of space, if it does."""
    answer = self.write()
    return answer if answer.startswith(("OOM", "NOSPACE")) else None

  def cli_put(self):
    return run(program("shardkv-cli"), "put", "probe", "1", check=False,
               environment={"SHARDKV_ENDPOINTS": self.cluster.controller.peer,
                            "SHARDKV_TIMEOUT": "2s"})

  def fills_one(self):
    """One replica is on the disk that is full. While it leads it refuses, or hands over; while
    another leads, writes go on, and no process ends."""
    self.number += 1
    leads = self.number % 2 == 1
    self.lead(self.cluster.nodes[0 if leads else 1])
    self.ballast.fill()
    begin = time.monotonic()
    if leads:
      answer = until(lambda: self.refusal() or self.cluster.leader() != self.cluster.nodes[0],
                     REFUSED_SECONDS + 1, pause=0.01)
      if not answer:
        raise Wrong(f"the leader's disk is full, and a write gets {self.write()!r}")
      time.sleep(FULL_SECONDS)
    else:
      self.write_much()
    self.ballast.fill()
    self.all_run()
    if not leads:
      self.slowest["full"] = max(
        self.slowest["full"], self.writers.gap(begin, time.monotonic()))
    self.ballast.free()
    begin = time.monotonic()
    if until(lambda: self.write() == "", AGAIN_SECONDS, pause=0.01) is None:
      raise Wrong(f"{AGAIN_SECONDS} s after there is space again a write gets {self.write()!r}")
    self.slowest["again"] = max(self.slowest["again"], time.monotonic() - begin)
    self.cluster.wait_together()

  def lead(self, node):
    """Makes a replica the leader."""
    def leads():
      if self.cluster.leader() is node:
        return True
      self.cluster.cli("group", "transfer", "1", node.peer, check=False)
      return False

    if not until(leads, 20, pause=0.1):
      raise Wrong(f"leadership cannot be given to {node.name}")

  def write_much(self):
    """More than a segment of the log holds."""
    for number in range(MUCH >> 16):
      if until(lambda: self.put(b"much%d" % (number % 8), b"m" * 65_000) == "", 5) is None:
        raise Wrong("the disk of one follower is full, and a write is refused for 5 s")

  def cycle(self):
    (self.fills_and_frees if self.is_shared else self.fills_one)()
    self.all_run()
    self.writers.rest()
    self.writers.judge()
    self.writers.go_on()


def work(place, count, base):
  need("losetup", "mkfs.ext4", "mount", root=True)
  results = []
  for is_shared, name in ((True, "all"), (False, "one")):
    town = Town(place.room(name), base, is_shared)
    for number in range(1, count + 1):
      try:
        town.cycle()
      except (Wrong, Refused) as error:
        raise Wrong(f"{error} (cycle {number}, {name} on the full disk)") from None
      place.progress(number, count, name)
    results.append((town.slowest, town.writers.end()))
    for node in [*town.cluster.nodes, town.cluster.controller]:
      node.kill()
  (shared, first), (lone, second) = results
  return (f"{count} times full under three replicas: refused after {shared['refused']:.2f} s at "
          f"most, written {shared['again']:.2f} s at most after there was space; {first}. {count} "
          f"times under one of three: written {lone['again']:.2f} s at most after there was space, "
          f"nothing acknowledged for {lone['full']:.2f} s at most while another led; {second}")
