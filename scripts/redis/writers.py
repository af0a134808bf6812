#!/usr/bin/env python3
"""Writes to a store for a while, and says what errors came, what was lost or done twice, and for
how long nothing was acknowledged. The clients repeat nothing: what was not answered counts as
unknown."""

import collections
import os
import re
import signal
import sys
import threading
import time

import redis
from redis import exceptions

from connect import VERSION, connect, parser, speaks

# The server has not carried out what it answers so.
REFUSALS = tuple(
  getattr(exceptions, name)
  for name in (
    "MovedError", "AskError", "TryAgainError", "ClusterDownError", "MasterDownError",
    "ReadOnlyError", "BusyLoadingError", "AuthenticationError", "ExecAbortError",
    "SlotNotCoveredError",
  )
  if hasattr(exceptions, name)
)
APPENDS_PER_KEY = 200


def was_sent(error):
  """Whether a request that failed may have been carried out."""
  return not isinstance(error, REFUSALS) and "connecting to" not in str(error)


class Totals:
  """What all writers count, under one lock."""

  def __init__(self):
    self.lock = threading.Lock()
    self.counts = collections.Counter()
    self.errors = collections.Counter()
    self.begin = self.last = time.monotonic()
    self.gap = self.gap_end = self.gap_of_one = 0.0
    self.stops = threading.Event()

  def count(self, name, number=1):
    with self.lock:
      self.counts[name] += number

  def wrong(self, name, number, what):
    if number > 0:
      self.count(name, number)
      print(f"{name.upper()}  {what}", flush=True)

  def failed(self, error):
    text = re.sub(r"\d+\.\d+\.\d+\.\d+:\d+|\d+", "N", str(error)).split("\n")[0]
    kind = f"{type(error).__name__}: {text[:100]}"
    with self.lock:
      self.errors[(kind, "may have happened" if was_sent(error) else "did not happen")] += 1

  def acknowledged(self, last_of_one):
    """Notes an acknowledged write; gives its time."""
    now = time.monotonic()
    with self.lock:
      self.gap_ends(now)
      self.gap_of_one = max(self.gap_of_one, now - last_of_one)
      self.last = now
    return now

  def gap_ends(self, now):
    if now - self.last > self.gap:
      self.gap, self.gap_end = now - self.last, now


class Counter:
  """What is known of a counter that one client increments."""

  def __init__(self, totals, name):
    self.totals, self.name = totals, name
    self.value = 0
    # Increments that may be in the value, or may come at any later time.
    self.unknown = 0

  def seen(self, value, own):
    """An answer: after an increment of one's own (1), or of a read (0)."""
    more = value - self.value - own
    what = f"{self.name} is {value} after {self.value} and {self.unknown} of unknown fate"
    self.totals.wrong("lost" if own else "stale", -more, what)
    self.totals.wrong("doubled", more - self.unknown, what)
    self.unknown = max(0, self.unknown - max(0, more))
    self.value = value


class Writer:
  def __init__(self, number, options, totals, prefix):
    self.number, self.options, self.totals = number, options, totals
    self.keys = f"{prefix}{{{number}}}:"
    self.common = f"{prefix}{{common:{number % max(1, options.writers // 2)}}}"
    self.address = number
    self.client = None
    self.counter = Counter(totals, f"the counter of writer {number}")
    self.tokens = []
    self.epoch = 0
    self.last = time.monotonic()

  def attempt(self, action, is_write=True):
    """(True, answer), or (False, the error)."""
    try:
      if self.client is None:
        self.client = connect(self.options, self.address, repeats=False)
      answer = action()
    except (redis.RedisError, exceptions.RedisClusterException, OSError) as error:
      self.totals.failed(error)
      if not isinstance(error, exceptions.ResponseError):
        # A client of one server goes on to the next.
        self.address += 1
        if not self.options.cluster:
          self.client = None
      time.sleep(0.01)
      return False, error
    if is_write:
      self.last = self.totals.acknowledged(self.last)
    return True, answer

  def insist(self, action, seconds=60):
    """The answer to something that may be done several times."""
    end = time.monotonic() + seconds
    while True:
      done, answer = self.attempt(action, is_write=False)
      if done:
        return answer
      if time.monotonic() > end:
        raise answer

  def run(self):
    while not self.totals.stops.is_set():
      self.increment()
      self.read()
      self.append()
      if self.counter.value % 10 == 0:
        self.add_in_transaction()

  def increment(self):
    done, answer = self.attempt(lambda: self.client.incr(self.keys + "count"))
    if done:
      self.totals.count("increments")
      self.counter.seen(answer, 1)
    elif was_sent(answer):
      self.totals.count("unknown")
      self.counter.unknown += 1

  def read(self):
    done, answer = self.attempt(lambda: self.client.get(self.keys + "count"), is_write=False)
    if done:
      self.totals.count("reads")
      self.counter.seen(int(answer or 0), 0)

  def append(self):
    token = f"{self.epoch}.{len(self.tokens)};"
    key = f"{self.keys}log:{self.epoch}"
    done, answer = self.attempt(lambda: self.client.append(key, token))
    if done:
      self.totals.count("appends")
      self.tokens.append((token, True))
    elif was_sent(answer):
      self.totals.count("unknown")
      self.tokens.append((token, False))
    if len(self.tokens) >= APPENDS_PER_KEY:
      self.check_log()

  def check_log(self):
    """Each acknowledged token is there once, in order; each of unknown fate at most once."""
    key = f"{self.keys}log:{self.epoch}"
    text = (self.insist(lambda: self.client.get(key)) or b"").decode()
    found = [part + ";" for part in text.split(";")[:-1]]
    times = collections.Counter(found)
    written = dict(self.tokens)
    sure = [token for token, is_sure in self.tokens if is_sure]
    wrong = self.totals.wrong
    wrong("lost", sum(1 for token in sure if token not in times), f"tokens of {key}")
    wrong("doubled", sum(times[token] - 1 for token in times), f"tokens of {key}")
    wrong("strange", sum(1 for token in times if token not in written), f"tokens in {key}")
    places = [found.index(token) for token in sure if token in times]
    wrong("reordered", int(places != sorted(places)), f"tokens of {key}")
    self.attempt(lambda: self.client.delete(key), is_write=False)
    self.epoch, self.tokens = self.epoch + 1, []

  def add_in_transaction(self):
    """Adds one to a key that two writers share, by WATCH and MULTI."""

    def add():
      with self.client.pipeline(transaction=True) as pipe:
        pipe.watch(self.common)
        count = int(pipe.get(self.common) or 0)
        pipe.multi()
        pipe.set(self.common, count + 1)
        try:
          pipe.execute()
        except exceptions.WatchError:
          return False
        return True

    done, answer = self.attempt(add)
    if done:
      self.totals.count(f"added {self.common}" if answer else "conflicts")
    elif was_sent(answer):
      self.totals.count("unknown")
      self.totals.count(f"perhaps added {self.common}")

  def finish(self):
    self.check_log()
    self.counter.seen(int(self.insist(lambda: self.client.get(self.keys + "count")) or 0), 0)
    self.attempt(lambda: self.client.delete(self.keys + "count"), is_write=False)


def check_common(writer, totals):
  """A key that several writers added to has what was acknowledged, and no more than was tried."""
  value = int(writer.insist(lambda: writer.client.get(writer.common)) or 0)
  added = totals.counts[f"added {writer.common}"]
  unknown = totals.counts[f"perhaps added {writer.common}"]
  what = f"{writer.common} is {value} after {added} additions and {unknown} of unknown fate"
  totals.wrong("lost", added - value, what)
  totals.wrong("doubled", value - added - unknown, what)
  totals.count("additions in transactions", added)
  writer.attempt(lambda: writer.client.delete(writer.common), is_write=False)


def play(options, totals):
  prefix = f"writers:{os.getpid()}:{time.time_ns()}:"
  writers = [Writer(number, options, totals, prefix) for number in range(options.writers)]
  broken = []

  def guarded(action):
    try:
      action()
    except Exception as error:  # A writer that ends early must not pass for one that was right.
      broken.append(error)
      totals.stops.set()

  threads = [threading.Thread(target=guarded, args=(writer.run,)) for writer in writers]
  for thread in threads:
    thread.start()
  totals.stops.wait(options.seconds)
  totals.stops.set()
  for thread in threads:
    thread.join()
  end = time.monotonic()
  totals.gap_ends(end)
  totals.gap_of_one = max([totals.gap_of_one] + [end - writer.last for writer in writers])
  for writer in writers:
    guarded(writer.finish)
  for common in {writer.common: writer for writer in writers}.values():
    guarded(lambda common=common: check_common(common, totals))
  return broken


def main():
  options = parser(__doc__)
  options.add_argument("--for", dest="seconds", type=float, default=10, help="how many seconds")
  options.add_argument("--writers", type=int, default=8)
  options.add_argument("--gap-max", type=float, help="seconds without an acknowledged write")
  options = options.parse_args()
  if not speaks(options.protocol) or (options.cluster and VERSION < (6, 0)):
    # Older clients of a cluster repeat by themselves what was not answered.
    print(f"SKIPPED  redis-py {redis.__version__} is too old for this; PyPI's current one does")
    return 1
  totals = Totals()
  for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: totals.stops.set())
  begin = time.monotonic()
  broken = play(options, totals)
  counts = totals.counts
  kinds = ("increments", "appends", "additions in transactions", "conflicts", "reads", "unknown")
  print(f"{time.monotonic() - begin:.1f} s, {options.writers} writers: "
        + ", ".join(f"{counts[kind]} {kind}" for kind in kinds))
  for (kind, fate), count in totals.errors.most_common():
    print(f"  {count} × {kind} ({fate})")
  faults = ("lost", "doubled", "stale", "reordered", "strange")
  print(", ".join(f"{counts[fault]} {fault}" for fault in faults))
  print(f"longest time without an acknowledged write: {totals.gap:.3f} s of all, until "
        f"{totals.gap_end - totals.begin:.1f} s; {totals.gap_of_one:.3f} s of one writer")
  for error in broken:
    print(f"a writer ended by {type(error).__name__}: {error}")
  is_late = options.gap_max is not None and totals.gap > options.gap_max
  is_wrong = any(counts[fault] for fault in faults) or broken or not counts["increments"]
  print("FAIL" if is_wrong or is_late else "PASS")
  return 1 if is_wrong or is_late else 0


if __name__ == "__main__":
  sys.exit(main())
