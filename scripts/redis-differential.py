#!/usr/bin/env python3
"""Asks shardkv and a real redis-server 7.0 the same, at random, and compares each byte of the
answers. OURS has to be a server with all keys: a group alone, routing redirect, against a
redis-server that is a cluster by itself, or routing proxy against a plain one. All keys of both are
deleted."""

import argparse
import collections
import os
import select
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "redis"))

from replies import Judge, end_of, parsed  # noqa: E402
from stories import Stories, short_lives  # noqa: E402
from wire import request as encoded  # noqa: E402

LINKS = 3
REQUESTS_OF_ROUND = 2_000
QUEUED = b"+QUEUED\r\n"


class Difference(Exception):
  """What differs, ready to be shown."""


class Side:
  """A connection to one of the two servers."""

  def __init__(self, name, address):
    self.name = name
    self.socket = socket.create_connection(address, timeout=10)
    self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    self.socket.setblocking(False)
    self.left = memoryview(b"")

  def send(self, data):
    self.left = memoryview(data)
    self.go_on()

  def go_on(self):
    try:
      while self.left:
        self.left = self.left[self.socket.send(self.left[: 1 << 18]) :]
    except BlockingIOError:
      pass

  def collect(self, count):
    """The bytes of so many answers; fewer if no more come."""
    data, place, result = bytearray(), 0, []
    end = time.monotonic() + 20
    while len(result) < count:
      wait = end - time.monotonic()
      readable, writable, _ = select.select(
        [self.socket], [self.socket] if self.left else [], [], max(0, wait))
      if not readable and not writable:
        break
      if writable:
        self.go_on()
      if readable:
        piece = self.socket.recv(1 << 20)
        if not piece:
          break
        data += piece
        while len(result) < count and (last := end_of(data, place)) >= 0:
          result.append(bytes(data[place:last]))
          place = last
    if place < len(data):
      result.append(bytes(data[place:]))
    return result

  def ask(self, *words):
    self.send(encoded(*words))
    return self.collect(1)[0]

  def is_closed(self):
    """Whether the server has hung up and said no more."""
    if not select.select([self.socket], [], [], 10)[0]:
      return False
    return self.socket.recv(1) == b""


class Pair:
  """The same connection to both."""

  def __init__(self, number, options):
    self.number = number
    self.ours, self.theirs = Side("here", options.ours), Side("redis", options.redis)
    self.queued = []

  def close(self):
    for side in (self.ours, self.theirs):
      side.socket.close()


class Comparison:
  def __init__(self, options):
    self.options = options
    self.judge = Judge(options.tolerance)
    self.counts, self.errors = collections.Counter(), collections.Counter()
    self.history = collections.deque(maxlen=options.history)
    self.total = self.tolerated = 0

  def ask(self, pair, requests):
    """Sends requests to both, in one piece."""
    data = b"".join(encoded(*request) for request in requests)
    expected = answers_expected(requests)
    pair.ours.send(data)
    pair.theirs.send(data)
    theirs, ours = pair.theirs.collect(len(expected)), pair.ours.collect(len(expected))
    for request, own, other in zip(expected, ours, theirs):
      self.history.append((pair.number, request, other))
      self.count(request, other)
      self.compare(pair, request, own, other)
    if len(ours) != len(expected) or len(theirs) != len(expected):
      raise Difference(f"of {len(expected)} answers there are {len(ours)} here, {len(theirs)} of "
                       "redis")
    self.total += len(requests) - len(expected)

  def count(self, request, answer):
    self.total += 1
    words = [word.decode("latin-1").lower() for word in request[:2]]
    name = words[0]
    if len(words) > 1 and name in ("client", "cluster", "command", "config", "function", "latency",
                                   "memory", "object", "slowlog") and words[1].isalpha():
      name += " " + words[1]
    self.counts[name] += 1
    self.errors[name] += answer.startswith(b"-")

  def compare(self, pair, request, own, other):
    name = request[0].upper()
    queued = pair.queued
    if other == QUEUED:
      queued.append(request)
    elif name in (b"MULTI", b"EXEC", b"DISCARD", b"RESET") and len(request) == 1:
      # Not by a MULTI within another, which is an error.
      pair.queued = queued if name == b"MULTI" and other != b"+OK\r\n" else []
    if own == other:
      return
    try:
      own_value, other_value = parsed(own), parsed(other)
      if name == b"EXEC" and own.startswith(b"-CROSSSLOT") and other in (b"*-1\r\n", b"_\r\n"):
        # Redis does not keep what is queued after a watched key has changed.
        same = True
      elif name == b"EXEC":
        same = self.judge.same_of_transaction(queued, own_value, other_value)
      else:
        same = self.judge.same(request, own_value, other_value)
    except (ValueError, IndexError, TypeError):
      same = False
    if not same:
      raise Difference(f"{shown(request)}\n  redis {short(other)}\n  here  {short(own)}")
    self.tolerated += 1

  def play(self, number):
    """A round, on new connections and without keys."""
    seed = f"{self.options.seed}:{number}"
    stories = Stories(seed, self.options.is_cluster, self.options.epoch)
    links = [(Pair(place, self.options), stories.link()) for place in range(LINKS)]
    self.history.clear()
    self.ask(links[0][0], [[b"FLUSHALL"]] + stories.first())
    end = self.total + REQUESTS_OF_ROUND
    while self.total < end:
      pair, link = stories.random.choice(links)
      self.ask(pair, stories.batch(link))
    pair = links[0][0]
    self.ask(pair, [[b"RESET"]])
    if number % 20 == 0:
      self.scan(pair)
      making, asking = short_lives(stories)
      self.ask(pair, making)
      time.sleep(1.3)
      self.ask(pair, asking)
    self.ask(pair, [[b"QUIT"]])
    if not pair.ours.is_closed() or not pair.theirs.is_closed():
      raise Difference("QUIT does not end the connection")
    for pair, _ in links:
      pair.close()

  def scan(self, pair):
    """SCAN in small steps finds the same keys."""
    found = []
    for side in (pair.ours, pair.theirs):
      keys, cursor = set(), b"0"
      while True:
        answer = parsed(side.ask("SCAN", cursor, "COUNT", "3")).content
        cursor = answer[0].content
        keys.update(key.content for key in answer[1].content)
        if cursor == b"0":
          break
      found.append(keys)
    if found[0] != found[1]:
      raise Difference(f"SCAN finds {sorted(found[0])} here, {sorted(found[1])} in redis")

  def show_history(self):
    for number, request, answer in list(self.history)[:-1]:
      print(f"  {number}: {shown(request)}  →  {short(answer, 60)}")

  def table(self):
    print("command, how often, errors among the answers:")
    rows = [f"{name} {count} {self.errors[name]}" for name, count in sorted(self.counts.items())]
    width = max(map(len, rows)) + 3
    columns = max(1, 100 // width)
    for place in range(0, len(rows), columns):
      print("  " + "".join(row.ljust(width) for row in rows[place : place + columns]).rstrip())


def answers_expected(requests):
  """The requests that are answered: CLIENT REPLY takes some answers away."""
  result, is_off, skips = [], False, False
  for request in requests:
    words = [word.upper() for word in request]
    if words[:2] == [b"CLIENT", b"REPLY"] and len(words) == 3:
      is_off = words[2] == b"OFF" or is_off and words[2] != b"ON"
      skips = words[2] == b"SKIP"
      if words[2] in (b"OFF", b"SKIP"):
        continue
    elif skips:
      skips = False
      continue
    if not is_off:
      result.append(request)
  return result


def shown(request):
  return " ".join(short(word, 60)[2:-1] if len(word) <= 60 else short(word, 60) for word in request)


def short(data, most=400):
  return repr(data) if len(data) <= most else f"{data[:most]!r}… ({len(data)} bytes)"


def prepare(options):
  """Finds the server of ours that has the keys, and lets Redis keep no records that we do not (ours
  refuses that; it may be another Redis)."""
  redis, ours = Side("redis", options.redis), Side("here", options.ours)
  options.is_cluster = b"cluster_enabled:1" in redis.ask("INFO", "cluster")
  for side in (redis, ours):
    for name, value in (("slowlog-log-slower-than", "-1"), ("latency-tracking", "no")):
      side.ask("CONFIG", "SET", name, value)
    side.ask("SLOWLOG", "RESET")
  answer = ours.ask("DEL", "{t}0")
  if answer.startswith(b"-MOVED "):
    host, _, port = answer.split()[2].decode().rpartition(":")
    options.ours = (host or options.ours[0], int(port))
  elif not answer.startswith(b":"):
    sys.exit(f"redis-differential.py: {options.ours} answers {answer!r}")


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("ours", metavar="OURS")
  parser.add_argument("redis", metavar="REDIS")
  parser.add_argument("--commands", type=int, default=1_000_000, metavar="N")
  parser.add_argument("--seed", type=int, default=1, metavar="S")
  parser.add_argument("--first", type=int, default=0, metavar="ROUND", help="begin with this round")
  parser.add_argument("--differences", type=int, default=1, metavar="N",
                      help="end after so many (default 1); each ends its round")
  parser.add_argument("--history", type=int, default=40, metavar="N",
                      help="how many requests before a difference are shown (default 40)")
  parser.add_argument("--tolerance", type=int, default=500, metavar="MS",
                      help="by how much times to live may differ (default 500)")
  options = parser.parse_args()
  for name in ("ours", "redis"):
    host, _, port = getattr(options, name).rpartition(":")
    setattr(options, name, (host, int(port)))
  # Of no moment that a run could reach, so that a seed gives the same requests on the same day.
  options.epoch = int(time.time()) // 86_400 * 86_400
  prepare(options)
  comparison, differences, number = Comparison(options), 0, options.first
  begin = time.monotonic()
  while comparison.total < options.commands and differences < options.differences:
    try:
      comparison.play(number)
    except Difference as difference:
      differences += 1
      print(f"DIFFERENCE in round {number} of seed {options.seed}, after:")
      comparison.show_history()
      print(f"{difference}\n  to repeat: --seed {options.seed} --first {number} --commands 1",
            flush=True)
    number += 1
  seconds = time.monotonic() - begin
  comparison.table()
  print(f"{comparison.total} commands in {number - options.first} rounds and {seconds:.0f} s, "
        f"{differences} differences; {comparison.tolerated} answers differ as they may, times to "
        f"live by {comparison.judge.worst_ms} ms at most")
  return 1 if differences else 0


if __name__ == "__main__":
  sys.exit(main())
