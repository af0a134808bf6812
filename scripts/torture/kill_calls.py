"""kill -9 at each of the first system calls that change a disk or tell somebody something.

strace holds a process on entry to a call, where it is killed, so the call is not carried out. What
is on the disk after a call is what is there before the next one, and the calls that send are among
them: so every state is met that differs in what is on the disk and what was acknowledged. (strace
could kill it, but only if it stops at every call of any name, which takes three times as long.)
"""

import collections
import multiprocessing
import multiprocessing.connection
import os
import random
import re
import signal
import threading
import time

from client import Answered, Client, Lost, Refused
from ledger import Writers
from nodes import QUICK, Cluster, copy_folder, strace
from place import Place, Wrong, need, until

STORAGE = ("pwrite64", "write", "fdatasync", "fsync", "rename", "renameat", "renameat2", "unlinkat",
           "ftruncate", "fallocate", "linkat")
SENDING = ("sendto", "sendmsg", "writev")
OPTIONS = ("--snapshot-bytes", "65536", "--heartbeat", "10ms", "--election-timeout", "30ms")
WRITES = 1200


class Script:
  """The same writes each time, and what the store must hold after them.

  Long values turn the segments of the log over, appends show what was lost or done twice.
  """

  def __init__(self, address, begin=0):
    self.client = Client([address], timeout=5)
    self.state = {}
    # The key under way, and its value if the request was carried out.
    self.open = None
    self.number = begin

  def next(self):
    n = self.number
    self.number += 1
    if n % 4 == 0:
      key = b"list%d" % (n // 4 % 3)
      return key, (b"APPEND", key, b"%d;" % n), self.state.get(key, b"") + b"%d;" % n
    key = b"long%d" % (n % 7)
    if n % 50 == 49:
      return key, (b"DEL", key), None
    value = b"%d:" % n * (1000 + n % 300)
    return key, (b"SET", key, value), value

  def write(self):
    """One more write; False if it was not acknowledged."""
    key, request, value = self.next()
    self.open = key, value
    try:
      self.client.ask(*request)
    except (Refused, Lost, Answered):
      return False
    self.open = None
    self.state[key] = value
    return True

  def settle(self, is_alive=lambda: True):
    """Reads everything back. What was under way may have been carried out, nothing else may differ.
    False if the process ended meanwhile."""
    for key in sorted(set(self.state) | ({self.open[0]} if self.open else set())):
      while True:
        try:
          found = self.client.read("GET", key, seconds=0.2 if is_alive() else 0)
          break
        except Refused:
          if not is_alive():
            return False
      allowed = [self.state.get(key)]
      if self.open and self.open[0] == key:
        allowed.append(self.open[1])
      if found not in allowed:
        wanted = [None if value is None else value[-60:] for value in allowed]
        raise Wrong(f"{key} ends with {(found or b'none')[-60:]}, not with one of {wanted}")
      self.state[key] = found
    self.open = None
    return True

  def write_surely(self, count):
    for _ in range(count):
      key, request, value = self.next()
      self.client.ask(*request)
      self.state[key] = value


class Trap:
  """Starts a node that is held on entry to one call, and kills it there."""

  def __init__(self, node, name, number):
    self.node = node
    hold = f"{name}:delay_enter=600000000:when={number}"
    node.start(strace("/dev/null", name, [hold], is_quick=True))
    self.process = node.process
    self.has_shut = self.is_over = False
    self.thread = threading.Thread(target=self.watch, daemon=True)
    self.thread.start()

  def __enter__(self):
    return self

  def __exit__(self, *_):
    """A node that never came to the call is killed where it is."""
    self.is_over = True
    self.thread.join()
    self.node.kill()

  def tracer(self):
    with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
      return int(re.search(r"TracerPid:\s*(\d+)", file.read())[1])

  def held(self):
    """The threads that are held, each with its call; a held one stays at its call."""
    folder, found = f"/proc/{self.process.pid}/task", set()
    for thread in os.listdir(folder):
      with open(f"{folder}/{thread}/stat", encoding="utf-8", errors="replace") as file:
        if file.read().rpartition(")")[2].split()[0] == "t":
          with open(f"{folder}/{thread}/syscall", encoding="utf-8") as call:
            found.add((thread, call.read()))
    return found

  def watch(self):
    before, times = set(), 0
    while not self.is_over:
      try:
        now, tracer = self.held(), self.tracer()
      except (OSError, TypeError):
        break
      before = now & before if times else now
      times = times + 1 if before else 0
      if times == 5:
        # The tracer would not let the dead process go before its time is over.
        os.kill(self.process.pid, signal.SIGKILL)
        os.kill(tracer, signal.SIGKILL)
        self.has_shut = True
        break
      time.sleep(0.003)


class Lone:
  """A group of one replica, begun again from the same folder for each kill."""

  def __init__(self, place, base):
    self.cluster = Cluster(place, base, 1, OPTIONS)
    self.node = self.cluster.nodes[0]
    self.log = place.path("strace")
    self.cluster.begin()
    # So much is written before that the segment turns over within the script.
    script = Script(self.node.redis)
    script.write_surely(100)
    for number in range(25):
      script.client.read("SET", "filler", b"f" * 120_000)
    script.write_surely(20)
    script.client.close()
    self.before = script.state, script.number
    self.node.signal(signal.SIGTERM)
    if self.node.wait(10) != 0:
      raise Wrong("a node that was asked to stop ended with an error")
    self.template = place.path("template")
    copy_folder(self.node.folder, self.template)

  def fresh_script(self):
    script = Script(self.node.redis, self.before[1])
    script.state = dict(self.before[0])
    return script

  def record(self):
    """The calls of the script, in order, by their names."""
    copy_folder(self.template, self.node.folder)
    self.node.start(strace(self.log, ",".join(STORAGE + SENDING), [], is_quick=True))
    self.play(self.fresh_script(), WRITES)
    self.node.kill()
    time.sleep(0.1)
    return calls_in(self.log)

  def end(self):
    pass

  def play(self, script, count):
    """Writes until the process is dead, or so often."""
    if not self.node.wait_ready():
      return
    for _ in range(count):
      is_done = script.settle(lambda: self.node.is_alive) if script.open else script.write()
      if not is_done and not self.node.is_alive:
        return

  def under_strace(self, name, number, script, writes):
    """Whether it was killed at the call before the writes were done."""
    with Trap(self.node, name, number) as trap:
      self.play(script, writes)
    return trap.has_shut

  def kill(self, name, number):
    """Kills it at one call, once more while it starts again, and looks at what is left."""
    copy_folder(self.template, self.node.folder)
    script = self.fresh_script()
    if not self.under_strace(name, number, script, WRITES):
      return False
    source = random.Random(f"{name} {number}")
    again = source.choice(("fdatasync", "fdatasync", "fsync", "pwrite64", "unlinkat", "renameat"))
    self.under_strace(again, source.randint(1, 6), script, 10)
    self.node.start_surely()
    script.settle()
    script.write_surely(3)
    script.settle()
    script.client.close()
    self.node.kill()
    return True


def numbered(calls):
  """Each call as its name and how often the name came until then: so strace counts them."""
  seen = collections.Counter()
  for call in calls:
    seen[call] += 1
    yield call, seen[call]


class Three:
  """One replica of three is killed, while clients write; what it promised it must then prove."""

  def __init__(self, place, base):
    options = ("--snapshot-bytes", "65536", *QUICK)
    self.cluster = Cluster(place, base, 3, options)
    self.log = place.path("strace")
    self.cluster.begin()
    self.writers = Writers(self.cluster, count=3, size=600, keeps=False, timeout=1.0).start()
    self.random = random.Random(base)

  def record(self):
    """The calls of a replica while clients write, in order, by their names."""
    victim = self.cluster.nodes[0]
    victim.kill()
    victim.start(strace(self.log, ",".join(STORAGE + SENDING), [], is_quick=True))
    self.writers.wait_acks(WRITES, 60)
    victim.kill()
    self.writers.ends = True
    time.sleep(0.1)
    return calls_in(self.log)

  def kill(self, name, number):
    """Kills a replica at one call while the quorum needs it. Then the one that it agreed with goes,
    and the one that heard nothing comes back: what was acknowledged only the killed one has."""
    nodes = self.random.sample(self.cluster.nodes, 3)
    victim, deaf, other = nodes
    victim.kill()
    with Trap(victim, name, number) as trap:
      victim.wait_ready()
      time.sleep(self.random.random() * 0.05)
      deaf.stop()
      until(lambda: not victim.is_alive, 3)
    other.kill()
    deaf.go_on()
    victim.start_surely()
    self.writers.wait_acks(5, 20)
    self.writers.rest()
    self.writers.judge()
    self.writers.go_on()
    other.start_surely()
    return trap.has_shut

  def end(self):
    self.writers.end()


def calls_in(log):
  with open(log, encoding="utf-8", errors="replace") as file:
    calls = [line.split(None, 1)[1].partition("(")[0] for line in file if "(" in line]
  return [call for call in calls if call in STORAGE + SENDING]


def share_of(kind, folder, base, kills, report):
  """What one of the processes does that share the kills; tells of each, and at the end what was
  hit, how many were not reached, and what was wrong."""
  place = Place("kill-calls", folder)
  done, missed, error = collections.Counter(), 0, None
  where = "before the first kill"
  try:
    victims = kind(place, base)
    for name, number in kills:
      where = f"after a kill at {name} {number}"
      if victims.kill(name, number):
        done[name] += 1
      else:
        missed += 1
      report.send(None)
    victims.end()
  except (Wrong, Refused) as reason:
    error = f"{reason} ({where}, in {folder})"
  finally:
    place.close(keep=True)
  report.send((done, missed, error))


def shared(place, kind, base, count, jobs):
  """Records the calls, and lets so many processes share the kills."""
  record = Place("record", place.path(f"{kind.__name__}-record"))
  try:
    calls = kind(record, base).record()
  finally:
    record.close(keep=False)
  kills = list(numbered(calls[:count]))
  reports = []
  for job in range(jobs):
    ours, theirs = multiprocessing.Pipe()
    folder = place.path(f"{kind.__name__}-{job}")
    process = multiprocessing.Process(
      target=share_of, args=(kind, folder, base + 100 * job, kills[job::jobs], theirs))
    process.start()
    theirs.close()
    place.at_end(process.terminate)
    reports.append(ours)
  done, missed, steps = collections.Counter(), 0, 0
  while reports:
    for report in multiprocessing.connection.wait(reports):
      try:
        message = report.recv()
      except EOFError:
        raise Wrong("a process of the test ended") from None
      if message is None:
        steps += 1
        place.progress(steps, len(kills), kind.__name__)
        continue
      reports.remove(report)
      if message[2]:
        raise Wrong(message[2])
      done += message[0]
      missed += message[1]
  words = ", ".join(f"{number} {name}" for name, number in sorted(done.items()))
  return f"{sum(done.values())} kills at {words}; {missed} not reached"


def work(place, count, base):
  need("strace")
  jobs = int(os.environ.get("JOBS", "2"))
  lone = shared(place, Lone, base, count, jobs)
  three = shared(place, Three, base + 50, max(10, count // 4), jobs)
  return f"lone replica: {lone}; one of three: {three}; 0 acknowledged lost, 0 doubled"
