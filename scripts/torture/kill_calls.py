"""kill -9 at each of the first system calls that change a disk or tell somebody something.

A process is killed on entry to a call, which is not carried out. What is on the disk after a call
is what is there before the next one, and the calls that send are among them: so every state is met
that differs in what is on the disk and what was acknowledged.
"""

import collections
import multiprocessing
import multiprocessing.connection
import os
import random
import signal
import sys
import time

import trap
from client import Answered, Client, Lost, Refused
from ledger import Writers
from nodes import QUICK, Cluster, copy_folder
from place import Place, Skip, Wrong, until

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
  """Starts a node that is killed on entry to one of its calls."""

  def __init__(self, place, node, number):
    self.node, self.report = node, place.path("call")
    node.start([sys.executable, trap.__file__, str(number), self.report])
    # The name of the call, once it was killed there.
    self.name = None

  def __enter__(self):
    return self

  def __exit__(self, *_):
    """A node that never came to the call is killed where it is."""
    self.node.signal(signal.SIGTERM)
    code = self.node.wait(10)
    if code == trap.KILLED:
      with open(self.report, encoding="ascii") as file:
        self.name = file.read()
    elif code != 128 + signal.SIGKILL:
      raise Wrong(f"{self.node.name} ended with {code}: {self.node.last_line()}")


class Lone:
  """A group of one replica, begun again from the same folder for each kill."""

  def __init__(self, place, base):
    self.place = place
    self.cluster = Cluster(place, base, 1, OPTIONS)
    self.node = self.cluster.nodes[0]
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

  def play(self, script, count):
    """Writes until the process is dead, or so often."""
    if not self.node.wait_ready():
      return
    for _ in range(count):
      is_done = script.settle(lambda: self.node.is_alive) if script.open else script.write()
      if not is_done and not self.node.is_alive:
        return

  def trapped(self, number, script, writes):
    """The name of the call where it was killed; None if it did not come to it by its writes."""
    with Trap(self.place, self.node, number) as held:
      self.play(script, writes)
    return held.name

  def kill(self, number):
    """Kills it at one call, once more while it starts again, and looks at what is left."""
    copy_folder(self.template, self.node.folder)
    script = self.fresh_script()
    name = self.trapped(number, script, WRITES)
    self.trapped(random.Random(number).randint(1, 20), script, 20)
    self.node.start_surely()
    script.settle()
    script.write_surely(3)
    script.settle()
    script.client.close()
    self.node.kill()
    return name

  def end(self):
    pass


class Three:
  """One replica of three is killed, while clients write; what it promised it must then prove."""

  def __init__(self, place, base):
    self.place = place
    self.cluster = Cluster(place, base, 3, ("--snapshot-bytes", "65536", *QUICK))
    self.cluster.begin()
    self.writers = Writers(self.cluster, count=3, size=600, keeps=False, timeout=1.0).start()
    self.random = random.Random(base)

  def kill(self, number):
    """Kills a replica at one call while the quorum needs it. Then the one that it agreed with goes,
    and the one that heard nothing comes back: what was acknowledged only the killed one has."""
    victim, deaf, other = self.random.sample(self.cluster.nodes, 3)
    victim.kill()
    with Trap(self.place, victim, number) as held:
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
    return held.name

  def end(self):
    self.writers.end()


def share_of(kind, folder, base, kills, report):
  """What one of the processes does that share the kills; tells of each, and at the end what was
  hit, how many were not reached, and what was wrong."""
  place = Place("kill-calls", folder)
  done, missed, error = collections.Counter(), 0, None
  where = "before the first kill"
  try:
    victims = kind(place, base)
    for number in kills:
      where = f"after a kill at call {number}"
      if name := victims.kill(number):
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
  """Lets so many processes share the kills."""
  kills = range(1, count + 1)
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
  if not trap.is_possible():
    raise Skip("it needs Linux on x86-64")
  jobs = int(os.environ.get("JOBS", "2"))
  lone = shared(place, Lone, base, count, jobs)
  three = shared(place, Three, base + 50, max(10, count // 4), jobs)
  return f"lone replica: {lone}; one of three: {three}; 0 acknowledged lost, 0 doubled"
