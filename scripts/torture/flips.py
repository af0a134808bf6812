"""Files of a replica that was stopped change: a bit, or the end of the file is gone. The replica
must come back by itself, or refuse; its group must lose nothing and tell nobody anything wrong.

In every second round those two replicas of three are left that have the damaged folder and that
heard nothing of what was acknowledged last: if that is missing they must wait for the third.
"""

import os
import random
import signal
import time

from ledger import Writers
from nodes import QUICK, Cluster
from place import Wrong

OPTIONS = ("--snapshot-bytes", "262144", *QUICK)
DAMAGED = 65
UNTOUCHED = ("identity", "lock")


class Damage:
  """A change of one random file, which can be taken back."""

  def __init__(self, folder, source):
    names = [name for name in sorted(os.listdir(folder)) if name not in UNTOUCHED]
    names = [name for name in names if os.path.getsize(os.path.join(folder, name)) > 0]
    self.path = os.path.join(folder, source.choice(names))
    with open(self.path, "rb") as file:
      self.content = file.read()
    used = len(self.content.rstrip(b"\0"))
    size = len(self.content)
    end = used if used and source.random() < 0.8 else size
    self.place = source.randrange(end)
    self.is_cut = source.random() < 0.2
    with open(self.path, "r+b") as file:
      if self.is_cut:
        file.truncate(self.place)
      else:
        file.seek(self.place)
        file.write(bytes([self.content[self.place] ^ 1 << source.randrange(8)]))

  def __str__(self):
    what = "cut off at" if self.is_cut else "a bit changed at"
    return f"{os.path.basename(self.path)} {what} {self.place} of {len(self.content)}"

  def take_back(self):
    with open(self.path, "wb") as file:
      file.write(self.content)


class Town:
  """Three replicas, of which one is damaged in each round."""

  def __init__(self, place, base, seed):
    self.random = random.Random(seed)
    self.cluster = Cluster(place, base, 3, OPTIONS)
    self.cluster.begin()
    self.writers = Writers(
      self.cluster, count=4, size=400, timeout=1.0, pause=0.001, keeps=False, seed=seed).start()
    self.back = self.refused = 0
    self.refusals = {}

  def begin(self, victim):
    """Starts the damaged replica; whether it comes up by itself."""
    victim.start()
    if victim.wait_ready():
      return True
    code = victim.wait(5)
    if code != DAMAGED:
      raise Wrong(f"{victim.name} ended with {code}: {victim.last_line()}")
    return False

  def round(self, is_alone):
    victim, deaf, other = self.random.sample(self.cluster.nodes, 3)
    self.cluster.wait_together()
    if is_alone:
      deaf.stop()
      time.sleep(self.random.random() * 0.3)
    if self.random.random() < 0.5:
      victim.kill()
    else:
      victim.signal(signal.SIGTERM)
      if victim.wait(10) is None:
        raise Wrong(f"{victim.name} does not stop")
    damage = Damage(victim.folder, self.random)
    try:
      self.come_back(victim, deaf, other, damage, is_alone)
    except Wrong as error:
      raise Wrong(f"{error} (in {victim.name} {damage})") from None

  def come_back(self, victim, deaf, other, damage, is_alone):
    if is_alone:
      other.kill()
      deaf.go_on()
    is_back = self.begin(victim)
    if is_alone:
      time.sleep(self.random.random() * 1.0)
      other.start_surely()
    if is_back:
      self.back += 1
    else:
      self.refused += 1
      line = victim.last_line().split(": ", 3)[-1]
      self.refusals[line] = str(damage)
      self.writers.wait_acks(3, 20)
      damage.take_back()
      victim.start_surely()
    self.writers.wait_acks(3, 20)
    self.cluster.wait_together()
    self.writers.rest()
    self.writers.judge()
    self.writers.go_on()


def work(place, count, base):
  town = Town(place, base, seed=count)
  for number in range(1, count + 1):
    try:
      town.round(is_alone=number % 2 == 0)
    except Wrong as error:
      raise Wrong(f"{error}, round {number}") from None
    place.progress(number, count)
  summary = town.writers.end()
  if town.back < 0.99 * count:
    for line, damage in list(town.refusals.items())[:5]:
      print(f"  {damage}: {line}")
    raise Wrong(f"only {town.back} of {count} damaged replicas came back by themselves; {summary}")
  return f"{town.back} of {count} damaged replicas came back by themselves; {summary}"
