"""Syncs that fail, one by one: the process must end and say why, and must have acknowledged nothing
that the failed sync was to make durable."""

import random
import re
import time

from client import Answered, Client, Lost, Refused
from ledger import Writers
from nodes import Cluster, Tracer, copy_folder, strace
from place import Wrong, need, until

SYNCS = ("fdatasync", "fsync")
ERRORS = ("EIO", "ENOSPC")
SENDING = ("sendto", "sendmsg", "writev")
INPUT_OUTPUT_ERROR = 74
# The group writes again within this time after one of three ended.
AGAIN_SECONDS = 2.0
SNAPSHOTS = ("--snapshot-bytes", "65536")
QUICK_ALONE = ("--heartbeat", "10ms", "--election-timeout", "30ms")
LINE = re.compile(r"(\d+) +(\d+\.\d+) (?:<\.\.\. )?(\w+)(\(| resumed>)(.*)$")
# A number for a client of Redis: what APPEND answers.
ANSWER = re.compile(r'(, |iov_base=)":\d')


def check_end(node, call, failed_at, log):
  """The process ends at once, with the code of a failed disk, and says which call on which file."""
  code = node.wait(3)
  if code is None:
    raise Wrong(f"{node.name} still runs 3 s after a sync failed")
  if not until(lambda: moments(log, "+++ exited"), 3):
    raise Wrong(f"{node.name} ended with {code}, and strace does not tell when: {log}")
  took = moments(log, "+++ exited")[-1] - failed_at
  if code != INPUT_OUTPUT_ERROR or took > 1:
    raise Wrong(f"{node.name} ended with {code}, {took:.2f} s after the sync failed")
  line = node.last_line()
  if call not in line or node.folder not in line:
    raise Wrong(f"the last line of {node.name}'s log does not name call and file: {line}")


def moments(log, text):
  """When strace wrote lines with a text, in seconds since 1970."""
  with open(log, encoding="utf-8", errors="replace") as file:
    return [float(line.split()[1]) for line in file if text in line and line.endswith("\n")]


def failure_in(log):
  """When the injected error was given; None if it was not yet."""
  return next(iter(moments(log, "(INJECTED)")), None)


def judge_calls(log):
  """Follows what a lone replica wrote, synced and answered, call by call. Each write carries its
  number in the order in which one client sent them, so the n-th answer needs a sync after the n-th
  write."""
  written, durable, begun, answers = {}, 0, {}, 0
  for line in open(log, encoding="utf-8", errors="replace"):
    found = LINE.match(line)
    if not found:
      continue
    process, _, call, form, rest = found.groups()
    file = rest.split(",")[0].split(")")[0].split(" ")[0]
    if call == "pwrite64" and form == "(" and '"SKVR' in rest:
      for number in re.findall(r"T(\d{6})\.", rest):
        written[file] = max(written.get(file, 0), int(number))
    elif call == "fdatasync":
      if form == "(":
        begun[process] = written.get(file, 0)
      if line.rstrip().endswith("= 0"):
        durable = max(durable, begun.get(process, 0))
    elif call in SENDING and form == "(" and ANSWER.search(rest):
      answers += 1
      if answers > durable:
        raise Wrong(f"write {answers} was acknowledged when {durable} were on the disk: {line}")
  return answers


class Lone:
  """A group of one replica, where each acknowledgement can be held against the syncs before it."""

  def __init__(self, place, base):
    self.place = place
    self.cluster = Cluster(place, base, 1, (*SNAPSHOTS, *QUICK_ALONE))
    self.node = self.cluster.nodes[0]
    self.log = place.path("strace")
    self.cluster.begin()
    self.node.kill()
    self.template = place.path("template")
    copy_folder(self.node.folder, self.template)

  def fail(self, call, error, number):
    """Lets one sync fail; whether the process came to it."""
    copy_folder(self.template, self.node.folder)
    trace = ",".join((*SYNCS, "pwrite64", *SENDING))
    command = strace(self.log, trace, [f"{call}:error={error}:when={number}"], is_quick=True)
    self.node.start([*command, "-ttt", "-s", "400"])
    sent, acked = 0, 0
    if self.node.wait_ready():
      client = Client([self.node.redis], timeout=3)
      try:
        client.read("GET", "list", seconds=0.5)
        for sent in range(1, 1200):
          client.ask("APPEND", "list", b"T%06d." % sent + b"=" * (700 if sent < 1000 else 1))
          acked = sent
      except (Refused, Lost, Answered):
        pass
      client.close()
    failed_at = failure_in(self.log)
    if failed_at is None:
      self.node.kill()
      return False
    check_end(self.node, call, failed_at, self.log)
    if (told := judge_calls(self.log)) < acked:
      raise Wrong(f"{acked} writes were acknowledged, but strace saw only {told}: {self.log}")
    self.node.start_surely()
    client = Client([self.node.redis])
    value = client.read("GET", "list") or b""
    client.close()
    self.node.kill()
    there = [int(number) for number in re.findall(rb"T(\d{6})\.", value)]
    if there not in (list(range(1, acked + 1)), list(range(1, sent + 1))):
      raise Wrong(f"{acked} of {sent} were acknowledged, and these are there: {there[-5:]}")
    return True


class Three:
  """One of three replicas fails, by turns the leader and one that has just been started."""

  def __init__(self, place, base):
    self.cluster = Cluster(place, base, 3, SNAPSHOTS)
    self.log = place.path("strace")
    self.cluster.begin()
    self.random = random.Random(1)
    self.writers = Writers(
      self.cluster, count=4, size=400, timeout=1.0, pause=0.002, keeps=False).start()

  def fail(self, call, error, number, is_leader):
    """Lets one sync of a replica fail; how long no write was acknowledged after it, in seconds."""
    self.cluster.wait_together()
    inject = [f"{call}:error={error}:when={number}"]
    trace = ",".join((call, *SENDING))
    tracer = None
    open(self.log, "w", encoding="ascii").close()
    if is_leader:
      node = self.cluster.leader()
      tracer = Tracer(node, self.log, trace, inject)
    else:
      node = self.random.choice(self.cluster.nodes)
      node.kill()
      node.start([*strace(self.log, trace, inject, is_quick=True), "-ttt"])
    failed_at = until(lambda: failure_in(self.log), 60, pause=0.02)
    if failed_at is None:
      raise Wrong(f"{node.name} did not come to {call} number {number}")
    begin = time.monotonic() - (time.time() - failed_at)
    check_end(node, call, failed_at, self.log)
    self.writers.wait_acks(20, 10)
    gap = self.writers.gap(begin, time.monotonic())
    if gap > AGAIN_SECONDS:
      raise Wrong(f"nothing was acknowledged for {gap:.2f} s after a sync of {node.name} failed")
    for line in open(self.log, encoding="utf-8", errors="replace"):
      found = LINE.match(line)
      if found and found[3] in SENDING and float(found[2]) > failed_at + 0.1:
        late = float(found[2]) - failed_at
        raise Wrong(f"{node.name} spoke {late:.3f} s after the sync failed: {line}")
    if tracer is not None:
      tracer.end()
    node.start_surely()
    self.writers.rest()
    self.writers.judge()
    self.writers.go_on()
    return gap


def work(place, count, base):
  need("strace")
  alone, missed, gaps = 0, 0, {True: 0.0, False: 0.0}
  lone = Lone(place.room("lone"), base)
  steps = count * len(SYNCS) * len(ERRORS)
  for number in range(1, count + 1):
    for call in SYNCS:
      for error in ERRORS:
        try:
          came = lone.fail(call, error, number)
        except (Wrong, Refused) as reason:
          raise Wrong(f"{reason} ({error} of {call} {number}, alone)") from None
        alone, missed = alone + came, missed + (not came)
        place.progress(alone + missed, steps, "alone")
  lone.cluster.controller.kill()
  three = Three(place.room("three"), base + 50)
  for number in range(1, count + 1):
    call, error = SYNCS[number // 2 % 2], ERRORS[number // 4 % 2]
    is_leader = number % 2 == 0
    try:
      # The folder is synced a few times for each snapshot only.
      gap = three.fail(call, error, number if call == "fdatasync" else number % 10 + 1, is_leader)
    except (Wrong, Refused) as reason:
      raise Wrong(f"{reason} ({error} of {call} {number}, leader: {is_leader})") from None
    gaps[is_leader] = max(gaps[is_leader], gap)
    place.progress(number, count, "of three")
  return (f"{alone} failed syncs of a lone replica, {missed} not reached; {count} of one of three, "
          f"nothing acknowledged for {gaps[True]:.2f} s at most after a leader's, "
          f"{gaps[False]:.2f} s after another's; {three.writers.end()}")
