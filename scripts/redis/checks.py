"""A line for each check: PASS, FAIL or SKIPPED, and the status of all."""

import traceback


class Skipped(Exception):
  """Raised by a check that cannot be made here; its text says why."""


class Checks:
  def __init__(self, label):
    self.label = label
    self.failed = 0

  def run(self, name, check):
    try:
      check()
    except Skipped as reason:
      print(f"SKIPPED  {self.label}: {name}: {reason}", flush=True)
    except Exception as error:  # A client may raise anything; the next check goes on.
      self.failed += 1
      print(f"FAIL  {self.label}: {name}: {type(error).__name__}: {error}", flush=True)
      for frame in traceback.extract_tb(error.__traceback__):
        if "/scripts/" in frame.filename:
          print(f"      {frame.filename}:{frame.lineno}: {frame.line}", flush=True)
    else:
      print(f"PASS  {self.label}: {name}", flush=True)

  def status(self):
    return 1 if self.failed else 0


def equal(found, expected):
  if found != expected:
    raise AssertionError(f"found {shortened(found)}, expected {shortened(expected)}")


def true(condition, what):
  if not condition:
    raise AssertionError(what)


def raises(kind, text, action):
  """That an action raises an error of this kind, whose text contains `text`."""
  try:
    found = action()
  except kind as error:
    if text not in str(error):
      raise AssertionError(f"found the error '{error}', expected '{text}'") from error
    return error
  raise AssertionError(f"found {shortened(found)}, expected the error '{text}'")


def shortened(value):
  text = repr(value)
  return text if len(text) < 300 else f"{text[:300]}… ({len(text)} characters)"
