"""What so many keys of 256 bytes cost: memory, disk, time to start, and what snapshots do to
writes. Nothing is asked of these figures; only that every value is there in the end."""

import json
import os
import threading
import time

from client import Connection
from nodes import Cluster
from place import Wrong, until

VALUE_BYTES = 256
KEY = b"key:%012d"
PIPELINE = 500
ROUNDS = 10
BENCH_SECONDS = "20"
# A little more than a node waits before it makes a snapshot because nothing is written.
QUIET_SECONDS = 12
# A little more than the node keeps its longest turns for.
RECENT_SECONDS = 62
QUICK_ALONE = ("--heartbeat", "10ms", "--election-timeout", "30ms")
GIB = 1 << 30


def value(number, turn):
  head = b"%d.%d." % (turn, number)
  return head + b"v" * (VALUE_BYTES - len(head))


def requests(numbers, turn):
  parts = []
  for number in numbers:
    key, content = KEY % number, value(number, turn)
    parts.append(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                 % (len(key), key, len(content), content))
  return b"".join(parts)


class Host:
  """What the host of this virtual machine has taken of the processors' time since the beginning."""

  def __init__(self):
    self.begin = self.now()

  @staticmethod
  def now():
    """All ticks of all processors, and those that went to other machines (proc_stat(5))."""
    with open("/proc/stat", encoding="utf-8") as file:
      ticks = [int(word) for word in file.readline().split()[1:]]
    return sum(ticks[:8]), ticks[7]

  def taken(self):
    everything, stolen = (now - then for now, then in zip(self.now(), self.begin))
    return f"{100 * stolen / max(1, everything):.1f} % of the processors' time"


class Usage(threading.Thread):
  """Measures the folder for as long as it runs: the most bytes that its files took."""

  def __init__(self, folder):
    super().__init__(daemon=True)
    self.folder, self.most, self.ends = folder, 0, False

  def now(self):
    total = 0
    for entry in os.scandir(self.folder):
      try:
        total += entry.stat().st_blocks * 512
      except FileNotFoundError:
        pass
    return total

  def run(self):
    while not self.ends:
      self.most = max(self.most, self.now())
      time.sleep(0.05)


class Town:
  """A group of one replica, since it is one replica that is measured."""

  def __init__(self, place, base, count):
    self.count = count
    self.cluster = Cluster(place, base, 1, QUICK_ALONE)
    self.node = self.cluster.nodes[0]
    self.cluster.begin()

  def memory(self, field="VmRSS"):
    with open(f"/proc/{self.node.process.pid}/status", encoding="utf-8") as file:
      return next(int(line.split()[1]) for line in file if line.startswith(field + ":")) * 1024

  def write_all(self, turn):
    """Every key once; seconds."""
    begin = time.monotonic()
    link = Connection(self.node.redis, 60)
    for first in range(0, self.count, PIPELINE):
      numbers = range(first, min(first + PIPELINE, self.count))
      link.socket.sendall(requests(numbers, turn))
      for _ in numbers:
        if link.reply() != b"OK":
          raise Wrong("a SET is not answered with OK")
    link.close()
    return time.monotonic() - begin

  def read_all(self, turn):
    """Compares every key."""
    link = Connection(self.node.redis, 60)
    for first in range(0, self.count, PIPELINE):
      numbers = range(first, min(first + PIPELINE, self.count))
      found = b"".join(b"*2\r\n$3\r\nGET\r\n$16\r\n%s\r\n" % (KEY % number) for number in numbers)
      link.socket.sendall(found)
      for number in numbers:
        if link.reply() != value(number, turn):
          raise Wrong(f"key {number} has not the value that was written last")
    link.close()

  def restart(self, options=()):
    """Seconds from the start of the process to its first answer about a key."""
    self.node.kill()
    begin = time.monotonic()
    self.node.start_surely(options)
    client = self.cluster.client(60)
    client.read("GET", KEY % 0, seconds=300)
    client.close()
    return time.monotonic() - begin

  def settle(self):
    """Waits until the folder has not changed for a second."""
    before = [0]

    def rests():
      time.sleep(1)
      now = sorted((one.name, one.stat().st_mtime) for one in os.scandir(self.node.folder))
      same, before[0] = now == before[0], now
      return same

    until(rests, 60)

  def rest(self):
    """Waits until the node has written what it writes only when it is quiet."""
    time.sleep(QUIET_SECONDS)
    self.settle()

  def per_key(self, empty):
    live = self.count * (len(KEY % 0) + VALUE_BYTES)
    return f"{(self.memory() - empty - live) / self.count:,.0f} bytes"

  def bench(self):
    """What 16 clients that write feel, and the longest turn of the node's loop meanwhile. What a
    start takes is past the last minute then."""
    time.sleep(RECENT_SECONDS)
    found = json.loads(self.cluster.cli(
      "bench", "-c", "16", "-z", BENCH_SECONDS, "--mix", "put=100", "-d", str(VALUE_BYTES),
      "--json"))
    times = found["latencyMs"]
    text = f"{found['operationsPerSecond']:,.0f}/s" + "".join(
      f"  {name} {times[field]:.1f}" for name, field in
      (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"), ("max", "max"))) + " ms"
    return f"{text}, longest turn {self.longest_turn('longestRecentTurnMicroseconds')}"

  def pipelines(self):
    """The longest turn while every key is overwritten again and again, for more than the minute that
    the node keeps its longest turns for. The loop goes before all others, so that a turn shows what
    it does and waits for, and not that this client and the machine's own services need its
    processor, too."""
    try:
      os.setpriority(os.PRIO_PROCESS, self.node.process.pid, -20)
    except PermissionError:
      return "not measured: only root may put the node's loop before others"
    end, rounds = time.monotonic() + RECENT_SECONDS, 0
    while time.monotonic() < end:
      self.write_all(ROUNDS)
      rounds += 1
    return f"{self.longest_turn('longestRecentTurnMicroseconds')} in {rounds} rounds"

  def longest_turn(self, field="longestTurnMicroseconds"):
    status = next(iter(self.cluster.replicas().values()), {})
    return f"{status['counters'][field] / 1000:.1f} ms"


def work(place, count, base):
  host = Host()
  town = Town(place, base, count)
  usage = Usage(town.node.folder)
  live = count * (len(KEY % 0) + VALUE_BYTES)
  empty = town.memory()
  rows = []
  seconds = town.write_all(0)
  rows.append(("writing every key, in pipelines", f"{count / seconds:,.0f} keys/s"))
  rows.append(("memory for a key beside key and value, at once", town.per_key(empty)))
  town.rest()
  rows.append(("the same at rest", town.per_key(empty)))
  rows.append(("memory at most meanwhile", f"{town.memory('VmHWM') / (1 << 20):,.0f} MiB"))
  usage.start()
  for turn in range(1, ROUNDS + 1):
    town.write_all(turn)
    place.progress(turn, ROUNDS, "rounds of overwriting")
  usage.ends = True
  usage.join()
  rows.append((f"longest turn while overwriting {ROUNDS} times", town.longest_turn()))
  rows.append((f"disk at most while overwriting {ROUNDS} times",
               f"{usage.most / live:.2f} x live data"))
  town.rest()
  rows.append(("disk afterwards", f"{usage.now() / live:.2f} x live data"))
  rows.append(("memory for a key then", town.per_key(empty)))
  # So that the start has a log to read.
  town.write_all(ROUNDS)
  seconds = town.restart()
  rows.append(("start after kill -9",
               f"{seconds:.2f} s, {seconds / (live / GIB):.2f} s/GiB of live data"))
  town.rest()
  rows.append(("memory for a key after a start", town.per_key(empty)))
  town.read_all(ROUNDS)
  for name, options in (("often", ("--snapshot-bytes", "4194304")),
                        ("as usual", ()), ("never", ("--snapshot-bytes", str(1 << 40)))):
    town.restart(options)
    rows.append((f"a write, snapshots {name}", town.bench()))
    rows.append(("  longest turn in pipelines, loop before others", town.pipelines()))
  rows.append(("taken by the host meanwhile", host.taken()))
  for name, text in rows:
    print(f"  {name:<48} {text}")
  return f"{count} keys of {VALUE_BYTES} bytes, {live / (1 << 20):,.0f} MiB with their keys"
