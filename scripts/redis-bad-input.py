#!/usr/bin/env python3
"""Sends a server of Redis clients what no client should, and holds each byte of its answers against
a table, while another client goes on."""

import argparse
import os
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "redis"))

from bad_inputs import CLOSES, EITHER, PING, PONG, STAYS, WAITS, cases  # noqa: E402
from wire import Wire, request, resident_bytes  # noqa: E402

PATIENCE_SECONDS = 0.1


class Bystander:
  """Another client, which counts as long as the rest goes on."""

  def __init__(self, options, tag):
    self.wire = connect(options)
    self.key = tag + b"bystander"
    self.count, self.worst, self.fault = 0, 0.0, None
    self.stops = threading.Event()
    self.thread = threading.Thread(target=self.run)

  def run(self):
    while not self.stops.wait(0.005) and self.fault is None:
      begin = time.monotonic()
      answer = self.wire.ask("INCR", self.key)
      self.worst = max(self.worst, time.monotonic() - begin)
      self.count += 1
      if answer != b":%d" % self.count:
        self.fault = f"another client was told {answer!r} instead of {self.count}"

  def goes_on(self):
    """Whether it is answered twice more from now on."""
    before, end = self.count, time.monotonic() + 5
    while self.count < before + 2 and self.fault is None and time.monotonic() < end:
      time.sleep(0.002)
    if self.fault is None and self.count < before + 2:
      self.fault = "another client is not answered any more"
    return self.fault


def connect(options, is_stranger=False):
  wire = Wire(options.address)
  if options.password is not None and not is_stranger:
    answer = wire.ask("AUTH", options.password)
    if answer != b"+OK":
      sys.exit(f"redis-bad-input.py: the password is not taken: {answer!r}")
  return wire


def own_tag(options):
  """A beginning of keys that this server has, in a cluster, too."""
  wire = connect(options)
  for number in range(200):
    tag = b"{bad-input:%d}" % number
    if (answer := wire.ask("DEL", tag)) in (b":0", b":1"):
      wire.ask("DEL", tag + b"bystander")
      return tag
  sys.exit(f"redis-bad-input.py: this server has no keys of its own, it says {answer!r}")


def play(case, options):
  """What was wrong, or `None`."""
  wire = connect(options, case.stranger)
  answers = case.answer if isinstance(case.answer, tuple) else (case.answer,)
  longest = max(len(answer) for answer in answers)
  if case.slowly:
    found = b"".join(wire.exchange(case.sent[i : i + 1], 0) for i in range(len(case.sent)))
    found += wire.exchange(b"", longest - len(found))
  else:
    count = None if case.end == CLOSES else longest
    found = wire.exchange(case.sent, count, case.seconds)
  if found not in answers:
    if found.startswith(b"-MOVED "):
      return "SKIPPED"
    is_cut_off = case.prefix and wire.is_closed and answers[0].startswith(found)
    return None if is_cut_off else f"answers {short(found)} instead of {short(answers[0])}"
  return check_end(case, wire)


def check_end(case, wire):
  if case.end == CLOSES:
    return None if wire.is_closed else "stays open"
  if case.end == EITHER and wire.is_closed:
    return None
  if case.end == WAITS:
    if not wire.is_silent(PATIENCE_SECONDS):
      return "does not wait for more"
    if case.rest and (found := wire.exchange(case.rest[0], len(case.rest[1]))) != case.rest[1]:
      return f"answers the rest with {short(found)}"
    if not case.rest:
      wire.close()
      return None
  locked = b"-NOAUTH Authentication required.\r\n"
  found = wire.exchange(PING, len(PONG))
  if case.stranger and found != PONG:
    found += wire.exchange(b"", len(locked) - len(found))
    found = PONG if found == locked else found
  return None if found == PONG else f"answers a PING after it with {short(found)}"


def short(data):
  return repr(data) if len(data) < 200 else f"{data[:100]!r}… ({len(data)} bytes)"


def hang_ups(options):
  """Clients that are gone in the middle of a request, or say that they have said all."""
  for data in (b"", b"*2\r\n$3\r\nGET\r\n$100", b"*1\r\n$1000000\r\nabc", PING * 1000):
    for _ in range(20):
      wire = connect(options)
      wire.socket.sendall(data)
      wire.reset()
  wire = connect(options)
  wire.socket.sendall(PING)
  wire.finish_sending()
  found = wire.exchange(b"", None, 5)
  if found != PONG or not wire.is_closed:
    return f"answers a client that has said all with {short(found)}"
  return None


def never_reads(options, tag):
  """Asks for more than any limit of answers, and reads none of it for a while."""
  wire = connect(options)
  wire.ask("SET", tag + b"unread", b"v" * 1_000_000)
  wire.socket.settimeout(0.5)
  try:
    for _ in range(300):
      wire.socket.sendall(request("GET", tag + b"unread"))
  except OSError:
    pass
  time.sleep(1)
  memory = resident_bytes(options.pid) if options.pid else None
  wire.reset()
  connect(options).ask("DEL", tag + b"unread")
  return memory


def times_out(options):
  """Requests that are not ended, and log-ins that do not come, are given up after 10 s."""
  wires = [
    ("half a request", connect(options), b"*1\r\n$4\r\nPI"),
    ("half a line", connect(options), b"PI"),
  ]
  if options.password is not None:
    wires.append(("no log-in", connect(options, is_stranger=True), b""))
  begin = time.monotonic()
  for _, wire, data in wires:
    wire.socket.sendall(data)
  for name, wire, _ in wires:
    wire.exchange(b"", None, 20)
    took = time.monotonic() - begin
    if not wire.is_closed or took < 5:
      return f"{name}: {'closed' if wire.is_closed else 'open'} after {took:.1f} s"
  return None


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("address", metavar="HOST:PORT")
  parser.add_argument("--password", help="without it nothing is tried before logging in")
  parser.add_argument("--redis", action="store_true", help="only what Redis 7.0 does, too")
  parser.add_argument("--pid", type=int, help="the server's process: its memory is looked at")
  parser.add_argument("--memory-max", type=int, default=128, metavar="MIB",
                      help="by how much it may grow (default 128)")
  parser.add_argument("--light", action="store_true", help="nothing that takes long")
  parser.add_argument("--slow", action="store_true", help="also wait for the server to give up")
  parser.add_argument("--only", default="", metavar="WORD", help="cases whose names have it")
  options = parser.parse_args()
  host, _, port = options.address.rpartition(":")
  options.address = (host, int(port))
  tag = own_tag(options)
  bystander = Bystander(options, tag)
  bystander.thread.start()
  before = resident_bytes(options.pid) if options.pid else 0
  most = before
  failed = passed = skipped = 0

  def count(name, fault):
    nonlocal failed, passed, skipped, most
    fault = fault or bystander.goes_on()
    if options.pid:
      most = max(most, resident_bytes(options.pid))
    skipped += fault == "SKIPPED"
    failed += fault not in (None, "SKIPPED")
    passed += fault is None
    print(f"{'PASS' if fault is None else fault if fault == 'SKIPPED' else 'FAIL'}  {name}"
          + (f": {fault}" if fault not in (None, 'SKIPPED') else ""), flush=True)

  for case in cases(tag, options.password, options.light):
    if options.only in case.name and (case.redis or not options.redis):
      count(case.name, play(case, options))
  if not options.only:
    count("clients that hang up", hang_ups(options))
    if not options.redis and not options.light:
      most = max(most, never_reads(options, tag) or 0)
      count("a client that never reads", None)
    if options.slow and not options.redis:
      count("half requests that stay", times_out(options))
  if options.pid:
    grown = (most - before) // (1 << 20)
    print(f"the server's memory grew by {grown} MiB at most, from {before >> 20} MiB")
    if grown > options.memory_max and not options.redis:
      count("memory", f"more than {options.memory_max} MiB")
  bystander.stops.set()
  bystander.thread.join()
  connect(options).ask("DEL", bystander.key)
  print(f"{passed} passed, {failed} failed, {skipped} skipped; another client was answered "
        f"{bystander.count} times, after {bystander.worst * 1000:.0f} ms at worst")
  return 1 if failed else 0


if __name__ == "__main__":
  sys.exit(main())
