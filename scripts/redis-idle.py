#!/usr/bin/env python3
"""Opens connections that say nothing, and some that send a byte a second, to a server of Redis
clients, and measures what another client feels of them and what each costs in memory."""

import argparse
import os
import resource
import selectors
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "redis"))

from wire import Wire, request, resident_bytes  # noqa: E402

# A byte a second, this takes longer than any run.
SLOW_REQUEST = request("ECHO", b"a" * 1000)


def latencies(wire, key, seconds, meanwhile=lambda: None):
  """Milliseconds of each of as many SETs as fit, one after the other, sorted."""
  result = []
  end = time.monotonic() + seconds
  while (begin := time.monotonic()) < end:
    answer = wire.ask("SET", key, "value")
    result.append((time.monotonic() - begin) * 1000)
    if answer != b"+OK":
      sys.exit(f"redis-idle.py: SET is answered with {answer!r}")
    meanwhile()
  return sorted(result)


def show(name, times):
  def at(share):
    return times[min(len(times) - 1, int(len(times) * share))]

  print(f"{name:<28} {len(times):>8} SETs  p50 {at(0.5):.3f} ms  p99 {at(0.99):.3f} ms"
        f"  max {times[-1]:.3f} ms", flush=True)
  return at(0.99)


class Crowd:
  """Connections by the thousand, without a thread for each."""

  def __init__(self, address, sources):
    self.address, self.sources = address, sources
    self.sockets, self.refused = [], 0
    self.selector = selectors.DefaultSelector()
    self.hung_up = 0

  def grow(self, count):
    """Opens so many, a few at a time, since a listener's queue is short."""
    for number in range(count):
      place = number % self.sources
      source = (f"127.0.{place // 250}.{1 + place % 250}", 0) if self.sources > 1 else None
      try:
        link = socket.create_connection(self.address, timeout=5, source_address=source)
      except OSError as error:
        self.refused += 1
        if self.refused == 1:
          print(f"connection {number} is refused: {error}", flush=True)
        continue
      link.setblocking(False)
      self.sockets.append(link)
      self.selector.register(link, selectors.EVENT_READ)
      if number % 100 == 99:
        time.sleep(0.005)

  def note_ends(self):
    """What the server sends to them: only that it hangs up, or why it does."""
    for key, _ in self.selector.select(0):
      try:
        data = key.fileobj.recv(4096)
      except OSError:
        data = b""
      self.hung_up += 1
      if self.hung_up == 1:
        print(f"a connection ends; it is told {data[:200]!r}", flush=True)
      self.selector.unregister(key.fileobj)

  def alive(self):
    self.note_ends()
    return len(self.sockets) - self.hung_up

  def close(self):
    for link in self.sockets:
      link.close()


class Slow(Crowd):
  """Those that send a byte a second."""

  def __init__(self, address, sources):
    super().__init__(address, sources)
    self.begin, self.sent = time.monotonic(), 0

  def send_due(self):
    """Some of the bytes that are due: of each second each connection has its own moment."""
    due = int((time.monotonic() - self.begin) * len(self.sockets))
    for _ in range(min(due - self.sent, 200)):
      link = self.sockets[self.sent % len(self.sockets)]
      place = self.sent // len(self.sockets) % len(SLOW_REQUEST)
      self.sent += 1
      try:
        link.send(SLOW_REQUEST[place : place + 1])
      except OSError:
        pass


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("address", metavar="HOST:PORT")
  parser.add_argument("--idle", type=int, default=5000, metavar="N", help="default 5000")
  parser.add_argument("--slow", type=int, default=1000, metavar="N", help="default 1000")
  parser.add_argument("--sources", type=int, default=200, metavar="N", help="how many addresses of "
                      "127.0.0.0/8 they come from, since a server may limit how many come from one "
                      "(default 200; 1: whichever the system takes)")
  parser.add_argument("--seconds", type=float, default=10, help="for each measurement; default 10")
  parser.add_argument("--pid", type=int, help="the server's process, for its memory")
  parser.add_argument("--p99-ratio-max", type=float, metavar="X",
                      help="end with 1 if p99 is more than X times what it was")
  options = parser.parse_args()
  host, _, port = options.address.rpartition(":")
  address = (host, int(port))
  needed = options.idle + options.slow + 100
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  if soft < needed:
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(hard, needed)))

  def memory():
    return resident_bytes(options.pid) if options.pid else 0

  client = Wire(address)
  key = own_key(client)
  latencies(client, key, min(2, options.seconds))
  before = show("alone", latencies(client, key, options.seconds))
  resident = memory()

  idle = Crowd(address, options.sources)
  idle.grow(options.idle)
  time.sleep(0.5)
  cost = (memory() - resident) / max(1, idle.alive())
  with_idle = show(f"with {idle.alive()} idle", latencies(client, key, options.seconds))

  slow = Slow(address, options.sources)
  slow.grow(options.slow)
  slow.begin = time.monotonic()
  times = latencies(client, key, options.seconds, slow.send_due)
  with_slow = show(f"and {slow.alive()} slow", times)
  print(f"still connected: {idle.alive()} of {options.idle} idle, {slow.alive()} of {options.slow} "
        f"slow, which sent {slow.sent} bytes")
  if options.pid:
    print(f"memory: {resident / 2**20:.1f} MiB before, {cost:.0f} bytes more for an idle "
          f"connection, {memory() / 2**20:.1f} MiB with all")
  idle.close()
  slow.close()
  client.ask("DEL", key)
  worst = max(with_idle, with_slow) / before
  print(f"p99 is {worst:.2f} times what it was")
  return 1 if options.p99_ratio_max is not None and worst > options.p99_ratio_max else 0


def own_key(client):
  """In a cluster, a key that this server has."""
  for number in range(200):
    key = f"{{idle:{number}}}"
    if (answer := client.ask("SET", key, "value")) == b"+OK":
      return key
  sys.exit(f"redis-idle.py: it takes no key, it says {answer!r}")


if __name__ == "__main__":
  sys.exit(main())
