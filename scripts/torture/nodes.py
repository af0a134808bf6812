"""Real nodes: a controller and one group, each node a process, some under strace."""

import json
import os
import select
import shutil
import signal
import subprocess
import time

from client import Client
from place import Wrong, program, run, until

HOST = "127.0.0.1"


def strace(log, trace, inject, process=None, is_quick=False):
  """The command line that lets the kernel do otherwise with some calls. The tracer is a grandchild,
  so that what runs under it is a child of ours with its own exit code."""
  command = ["strace", "-f", "-q", "-o", log, "-e", f"trace={trace}"]
  command += ["-D"] if process is None else ["-p", str(process)]
  if is_quick:
    command.append("--seccomp-bpf")
  for one in inject:
    command += ["-e", f"inject={one}"]
  return command


class Node:
  """One replica: its folder, its addresses and its process."""

  def __init__(self, place, name, folder, port, redis, options):
    self.place, self.name, self.folder, self.port = place, name, folder, port
    self.redis = (HOST, redis) if redis else None
    self.options = options
    self.log = place.path(f"{name}.log")
    self.process = None

  @property
  def peer(self):
    return f"{HOST}:{self.port}"

  @property
  def member(self):
    return f"{self.peer}+{self.redis[1]}" if self.redis else self.peer

  def start(self, prefix=(), options=()):
    """Starts the process, perhaps under a command; `wait_ready` waits until it serves."""
    assert self.process is None
    command = [program("shardkv-server"), "run", "--data", self.folder, *self.options, *options]
    with open(self.log, "ab") as log:
      self.process = subprocess.Popen(
        [*prefix, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
        start_new_session=True)
    self.place.at_end(self.kill)

  def wait_ready(self, seconds=20):
    """Waits until it says that it serves; False if it ended before."""
    readable, _, _ = select.select([self.process.stdout], [], [], seconds)
    if not readable:
      raise Wrong(f"{self.name} does not serve after {seconds} s: {self.log}")
    return self.process.stdout.readline().startswith(b"ready")

  def start_surely(self, options=()):
    """Starts it where nothing stands in its way, so that it has to come up."""
    self.start(options=options)
    if not self.wait_ready():
      code = self.wait(5)
      raise Wrong(f"{self.name} does not come up, exit code {code}: {self.last_line()}")

  def last_line(self):
    with open(self.log, "rb") as log:
      log.seek(max(0, os.path.getsize(self.log) - 4096))
      lines = log.read().decode(errors="replace").splitlines()
    return lines[-1] if lines else ""

  @property
  def is_alive(self):
    return self.process is not None and self.process.poll() is None

  def signal(self, number):
    if self.is_alive:
      self.process.send_signal(number)

  def wait(self, seconds):
    """The exit code, negative for a signal; None if it still runs after so long."""
    try:
      code = self.process.wait(seconds)
    except subprocess.TimeoutExpired:
      return None
    self.forget()
    return code

  def forget(self):
    self.process.stdout.close()
    self.process = None
    self.place.done(self.kill)

  def kill(self):
    if self.process is not None:
      if self.process.poll() is None:
        self.process.kill()
        self.process.wait()
      self.forget()

  def stop(self):
    """Stops it as SIGSTOP does, and waits until no thread of it runs."""
    self.signal(signal.SIGSTOP)
    if not until(self.is_stopped, 20, pause=0.0005):
      raise Wrong(f"{self.name} does not stop")

  def is_stopped(self):
    folder = f"/proc/{self.process.pid}/task"
    for thread in os.listdir(folder):
      with open(f"{folder}/{thread}/stat", encoding="ascii", errors="replace") as file:
        if file.read().rpartition(")")[2].split()[0] not in "TtZX":
          return False
    return True

  def go_on(self):
    self.signal(signal.SIGCONT)


class Tracer:
  """strace on a node that runs already."""

  def __init__(self, node, log, trace, inject):
    self.node = node
    process = node.process.pid
    self.process = subprocess.Popen(
      [*strace(log, trace, inject, process), "-ttt"],
      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    node.place.at_end(self.end)
    threads = f"/proc/{process}/task"
    if not until(lambda: all(self.is_on(thread) for thread in os.listdir(threads)), 10):
      raise Wrong(f"strace does not get hold of {node.name}")

  def is_on(self, thread):
    with open(f"/proc/{self.node.process.pid}/task/{thread}/status", encoding="utf-8") as file:
      return "\nTracerPid:\t0\n" not in file.read()

  def end(self):
    """Lets the node go on by itself."""
    self.node.place.done(self.end)
    self.process.terminate()
    self.process.wait()


# Quick enough that a test need not wait, slow enough for a busy machine.
QUICK = ("--heartbeat", "50ms", "--election-timeout", "250ms")


class Cluster:
  """A controller, and group 1 with so many replicas, on ports from a base on."""

  def __init__(self, place, base, replicas, options=(), homes=None):
    self.place = place
    server = program("shardkv-server")
    cluster, group0, controller, group1, *ids = run(server, "id", str(4 + replicas)).split()
    homes = homes or [place.folder] * replicas
    self.controller = Node(place, "c1", place.path("c1"), base + 1, None, ("--heartbeat", "50ms"))
    common = ("--controllers", self.controller.peer, *options)
    self.nodes = [
      Node(place, f"n{i + 1}", os.path.join(homes[i], f"n{i + 1}"), base + 11 + i, base + 21 + i,
           common)
      for i in range(replicas)
    ]
    members = ",".join(f"{ids[i]}={self.nodes[i].member}" for i in range(replicas))
    run(server, "init", "--data", self.controller.folder, "--cluster-id", cluster, "--group", "0",
        "--group-id", group0, "--replica-id", controller,
        "--members", f"{controller}={self.controller.member}")
    for node, replica in zip(self.nodes, ids):
      run(server, "init", "--data", node.folder, "--cluster-id", cluster, "--group", "1",
          "--group-id", group1, "--replica-id", replica, "--members", members)

  def begin(self):
    """Starts everything and gives all shards to the group."""
    for node in [self.controller, *self.nodes]:
      node.start_surely()
    answer = [""]

    def joined():
      peers = ",".join(node.peer for node in self.nodes)
      answer[0] = self.cli("join", f"1={peers}", check=False)
      return answer[0].startswith("joined")

    if not until(joined, 20, pause=0.05):
      raise Wrong(f"the group cannot join: {answer[0]}")
    client = self.client()
    client.read("SET", "begin", "1")
    client.close()

  def cli(self, *arguments, check=True):
    return run(program("shardkv-cli"), *arguments, check=check,
               environment={"SHARDKV_ENDPOINTS": self.controller.peer, "SHARDKV_TIMEOUT": "5s"})

  def client(self, timeout=3.0):
    return Client([node.redis for node in self.nodes], timeout)

  def replicas(self):
    """What each replica of the group says of itself, by its address; {} if nothing can be told."""
    try:
      groups = json.loads(self.cli("status", "--json", check=False))["groups"]
    except (ValueError, KeyError):
      return {}
    found = [group for group in groups if group["group"] == 1]
    return {one["address"]: one for one in found[0]["replicas"]} if found else {}

  def leader(self, seconds=10):
    """The node that leads."""

    def found():
      replicas = self.replicas()
      for node in self.nodes:
        if replicas.get(node.peer, {}).get("role") == "leader" and node.is_alive:
          return node
      return None

    node = until(found, seconds, pause=0.02)
    if node is None:
      raise Wrong(f"nobody leads the group for {seconds} s")
    return node

  def wait_together(self, seconds=20):
    """Waits until every replica that runs has all that the leader has, and counts: if another one is
    damaged while it is in doubt the group may rightly elect nobody."""

    def together():
      replicas = self.replicas()
      alive = [replicas.get(node.peer, {}) for node in self.nodes if node.is_alive]
      return any(one.get("role") == "leader" for one in alive) and all(
        one.get("answers") and not one.get("doubt") and one.get("lag", 1 << 60) < 100
        for one in alive)

    if not until(together, seconds, pause=0.05):
      raise Wrong(f"the replicas do not catch up within {seconds} s: {self.replicas()}")


def copy_folder(source, target):
  shutil.rmtree(target, ignore_errors=True)
  # The holes of a segment that was never written to cost nothing.
  run("cp", "-a", "--sparse=auto", source, target)


def sleep_until(moment):
  time.sleep(max(0.0, moment - time.monotonic()))
