"""Where a part of the torture works: a folder of its own, and what has to be undone at its end."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time


class Skip(Exception):
  """The machine cannot do it; the text says what is missing."""


class Wrong(Exception):
  """The store did something that it must not do."""


def is_root():
  return os.geteuid() == 0


def need(*programs, root=False):
  """Skips if one of the programs is not here, or if only root may do it."""
  missing = [program for program in programs if shutil.which(program) is None]
  if missing:
    raise Skip(f"it needs {' and '.join(missing)}")
  if root and not is_root():
    raise Skip("only root may do it")


def program(name):
  """The path of one of the store's own programs, of the folder that SHARDKV_BIN names."""
  path = os.path.join(os.environ["SHARDKV_BIN"], name)
  if not os.access(path, os.X_OK):
    sys.exit(f"torture.sh: there is no {path}")
  return path


def run(*command, check=True, environment=None):
  """Runs a command to its end and gives its output; with check one that fails ends the part."""
  result = subprocess.run(
    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    env={**os.environ, **(environment or {})}, text=True, errors="replace")
  if check and result.returncode != 0:
    raise Wrong(f"'{' '.join(command)}' ended with {result.returncode}: {result.stdout.strip()}")
  return result.stdout


def until(condition, seconds, pause=0.004):
  """Waits until the condition gives something that is true, and gives that; None after the time."""
  end = time.monotonic() + seconds
  while True:
    found = condition()
    if found:
      return found
    if time.monotonic() >= end:
      return None
    time.sleep(pause)


class Place:
  """A folder on a real disk and what is to be undone: processes, mounts, settings of the system.

  After a failure the folder stays, without processes and mounts, as evidence.
  """

  def __init__(self, name, folder=None):
    self.name = name
    if folder is None:
      parent = os.environ.get("TMPDIR") or "/var/tmp"
      folder = tempfile.mkdtemp(prefix=f"shardkv-{name}.", dir=parent)
    os.makedirs(folder, exist_ok=True)
    self.folder = folder
    self.owner = os.getpid()
    self.ends = []
    self.shown = 0.0

  def path(self, *names):
    return os.path.join(self.folder, *names)

  def room(self, name):
    """A place within this one, which ends with it."""
    inner = Place(self.name, self.path(name))
    self.at_end(lambda: inner.close(keep=True))
    return inner

  def at_end(self, action):
    """Notes what has to be done at the end, before what was noted earlier; gives it back."""
    self.ends.append(action)
    return action

  def done(self, action):
    """What was noted has been done."""
    if action in self.ends:
      self.ends.remove(action)

  def close(self, keep):
    while self.ends:
      action = self.ends.pop()
      try:
        action()
      except Exception as error:  # what else is noted must be undone all the same
        print(f"{self.name}: at the end: {error}", file=sys.stderr)
    if not keep:
      shutil.rmtree(self.folder, ignore_errors=True)

  def progress(self, number, count, text=""):
    """Tells a person that waits how far it is, not more than once a second."""
    now = time.monotonic()
    if sys.stderr.isatty() and (now - self.shown > 1 or number == count):
      self.shown = now
      end = "\n" if number == count else ""
      print(f"\r{self.name}: {number} of {count} {text}", end=end, file=sys.stderr, flush=True)


def part(name, work):
  """Carries out a part and gives its exit code; the last line that it prints is its summary."""
  # What ends the script is an exception, so that everything is undone.
  for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, lambda number, _: sys.exit(128 + number))
  most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
  resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
  begin = time.monotonic()
  place = None
  keep = False
  try:
    place = Place(name)
    summary = work(place)
    print(f"PASS {name}: {summary}; {time.monotonic() - begin:.0f} s", flush=True)
    return 0
  except Skip as reason:
    print(f"SKIPPED {name}: {reason}", flush=True)
    return 0
  except Wrong as reason:
    keep = True
    print(f"FAIL {name}: {reason}", flush=True)
    print(f"  the folders and logs are in {place.folder}", flush=True)
    return 1
  except SystemExit:
    raise
  except BaseException:
    keep = True
    print(f"FAIL {name}: the test itself broke; its folder is {place and place.folder}", flush=True)
    raise
  finally:
    if place is not None and os.getpid() == place.owner:
      place.close(keep)
