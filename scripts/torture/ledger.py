"""Clients that append numbered values, note what was acknowledged, and judge what they read."""

import bisect
import random
import threading
import time
from array import array

from client import Answered, Lost, Refused
from place import Wrong, until

# Appends to one key before the next one begins, so that values stay short.
APPENDS_PER_KEY = 150


def token(number, size):
  """What an append carries: its number, and as many bytes as wanted that follow from it."""
  head = b"%d=" % number
  filler = b"%x." % (number * 2654435761 % 4294967296)
  rest = max(0, size - len(head) - 1)
  return head + (filler * (rest // len(filler) + 1))[:rest] + b";"


class Key:
  """What one client, the only one that writes this key, knows of it."""

  def __init__(self, name, size):
    self.name, self.size = name, size
    # Numbers that were acknowledged, those of unknown fate or under way, those that were refused,
    # and of the second those that a read has shown.
    self.acked, self.open, self.refused, self.seen = [], set(), set(), set()
    self.is_deleted = None

  def judge(self, value):
    """What is wrong with a value that was read when nothing of this client was under way."""
    if self.is_deleted is not None:
      is_wrong = self.is_deleted and value is not None
      return f"{self.name} was deleted and is there" if is_wrong else None
    numbers, before, acked = [], -1, set(self.acked)
    for piece in (value or b"").split(b";")[:-1]:
      head = piece.partition(b"=")[0]
      if not head.isdigit() or piece + b";" != token(int(head), self.size):
        return f"{self.name} holds {piece[:60]}, which nobody wrote"
      numbers.append(int(head))
    if value and not value.endswith(b";"):
      return f"{self.name} ends in the middle of a value"
    there = set(numbers)
    if len(there) != len(numbers):
      twice = sorted(number for number in there if numbers.count(number) > 1)
      return f"{self.name}: {twice[:5]} are there more than once"
    if lost := sorted((acked | self.seen) - there):
      return f"{self.name}: {len(lost)} acknowledged or read are lost, the first is {lost[0]}"
    if strange := sorted(there - acked - self.open):
      what = "refused" if strange[0] in self.refused else "never sent"
      return f"{self.name}: {strange[0]} is there and was {what}"
    for number in numbers:
      if number in acked:
        if number < before:
          return f"{self.name}: {number} stands behind {before}"
        before = number
    self.seen |= there & self.open
    return None


class Writer(threading.Thread):
  """One client: appends, and reads what it wrote now and then."""

  def __init__(self, crowd, number):
    super().__init__(daemon=True)
    self.crowd, self.number = crowd, number
    self.client = crowd.cluster.client(crowd.timeout)
    self.keys = []
    self.is_idle = False
    self.random = random.Random(f"{crowd.seed} {number}")

  def run(self):
    count = 0
    try:
      while not self.crowd.ends:
        if self.crowd.rests:
          self.is_idle = True
          time.sleep(0.001)
          continue
        self.is_idle = False
        if count % APPENDS_PER_KEY == 0:
          self.begin_key()
        self.append(self.keys[-1], count)
        count += 1
        if count % 10 == 0:
          self.look(self.random.choice(self.keys[-2:]))
        if self.crowd.pause:
          time.sleep(self.crowd.pause * self.random.random() * 2)
    except BaseException as error:  # the part that waits for this thread must hear of it
      self.crowd.wrong(f"a client ended: {error!r}")
      raise
    finally:
      self.is_idle = True
      self.client.close()

  def begin_key(self):
    self.keys.append(Key(f"w{self.number}.{len(self.keys)}", self.crowd.size))
    if not self.crowd.keeps and len(self.keys) > 3:
      old = self.keys[-4]
      old.is_deleted = False
      try:
        self.client.ask("DEL", old.name)
        old.is_deleted = True
      except (Refused, Lost, Answered):
        pass

  def append(self, key, number):
    key.open.add(number)
    try:
      self.client.ask("APPEND", key.name, token(number, key.size))
    except Refused as error:
      key.open.discard(number)
      key.refused.add(number)
      self.crowd.count("refused", str(error))
      time.sleep(0.005)
    except (Lost, Answered) as error:
      self.crowd.count("unknown", str(error))
    else:
      key.open.discard(number)
      key.acked.append(number)
      self.crowd.acknowledged()

  def look(self, key):
    try:
      value = self.client.ask("GET", key.name)
    except (Refused, Lost, Answered):
      return
    self.crowd.reads += 1
    if (text := key.judge(value)) is not None:
      self.crowd.wrong(f"a client read: {text}")


class Writers:
  """All clients of a part: start, pause, judge, end."""

  def __init__(self, cluster, count=4, size=100, pause=0.0, timeout=3.0, keeps=True, seed=0):
    self.cluster, self.size, self.pause, self.timeout = cluster, size, pause, timeout
    self.keeps, self.seed = keeps, seed
    self.lock = threading.Lock()
    self.times = array("d")
    self.errors, self.refusals, self.unknown, self.reads = [], {}, 0, 0
    self.rests = self.ends = False
    self.threads = [Writer(self, number) for number in range(count)]

  def start(self):
    for thread in self.threads:
      thread.start()
    return self

  def acknowledged(self):
    with self.lock:
      self.times.append(time.monotonic())

  def count(self, kind, text):
    with self.lock:
      if kind == "refused":
        word = text.split(" ")[0]
        self.refusals[word] = self.refusals.get(word, 0) + 1
      else:
        self.unknown += 1

  def wrong(self, text):
    with self.lock:
      self.errors.append(text)

  @property
  def acks(self):
    return len(self.times)

  def check(self):
    if self.errors:
      raise Wrong(self.errors[0])

  def wait_acks(self, number, seconds):
    """Waits for so many more acknowledgements; the seconds that it took."""
    begin, goal = time.monotonic(), self.acks + number
    if not until(lambda: self.acks >= goal, seconds, pause=0.001):
      done = self.acks - goal + number
      raise Wrong(f"{done} of {number} writes were acknowledged in {seconds} s")
    return time.monotonic() - begin

  def gap(self, begin, end):
    """The longest time without an acknowledgement between two moments, in seconds."""
    times = self.times
    first, last = bisect.bisect_left(times, begin), bisect.bisect_right(times, end)
    moments = [begin, *times[first:last], end]
    return max(b - a for a, b in zip(moments, moments[1:]))

  def rest(self):
    """Lets every client finish what it asked for, and wait."""
    self.rests = True
    if not until(lambda: all(thread.is_idle for thread in self.threads), 20, pause=0.001):
      raise Wrong("a client does not come to rest")
    self.check()

  def go_on(self):
    for thread in self.threads:
      thread.is_idle = False
    self.rests = False

  def judge(self, everything=False):
    """While the clients rest: reads the newest keys of each, or all, and compares."""
    client = self.cluster.client(self.timeout)
    try:
      for thread in self.threads:
        for key in thread.keys if everything else thread.keys[-3:]:
          if (text := key.judge(client.read("GET", key.name))) is not None:
            raise Wrong(text)
    finally:
      client.close()

  def end(self):
    """Ends all clients and judges every key. Gives the numbers for the summary."""
    self.rest()
    self.ends = True
    for thread in self.threads:
      thread.join(20)
    self.judge(everything=True)
    self.check()
    return f"{self.acks} writes acknowledged, 0 lost, 0 doubled, {self.unknown} of unknown fate"
