"""Where replies end, what they are, and whether two servers mean the same by theirs."""

def end_of(data, place):
  """The place behind the reply that begins here; -1 while it is not complete."""
  left = 1
  while left:
    line = data.find(b"\r\n", place)
    if line < 0:
      return -1
    kind = data[place]
    left -= 1
    if kind in b"$=!":
      length = int(data[place + 1 : line])
      place = line + 2 if length < 0 else line + length + 4
      if place > len(data):
        return -1
    else:
      if kind in b"*~>":
        left += max(0, int(data[place + 1 : line]))
      elif kind == 0x25:  # %
        left += 2 * int(data[place + 1 : line])
      place = line + 2
  return place


def split(data, count):
  """The first replies, each with its bytes; fewer than that if the rest is not there."""
  result, place = [], 0
  while len(result) < count:
    end = end_of(data, place)
    if end < 0:
      break
    result.append(data[place:end])
    place = end
  return result


class Value:
  """A reply of which the kind counts, too."""

  def __init__(self, kind, content):
    self.kind, self.content = kind, content

  def __eq__(self, other):
    return (self.kind, self.content) == (other.kind, other.content)


def parsed(data):
  value, _ = _value(data, 0)
  return value


def _value(data, place):
  line = data.find(b"\r\n", place)
  kind, text = chr(data[place]), data[place + 1 : line]
  if kind in "$=!":
    length = int(text)
    if length < 0:
      return Value("null", None), line + 2
    return Value(kind, data[line + 2 : line + 2 + length]), line + length + 4
  if kind in "*~>%":
    count = int(text) * (2 if kind == "%" else 1)
    elements, place = [], line + 2
    for _ in range(count):
      element, place = _value(data, place)
      elements.append(element)
    return Value(kind, None if count < 0 else elements), place
  return Value(kind, int(text) if kind == ":" else text), line + 2


class Judge:
  """Compares replies that are not equal byte for byte, where docs/parts/redis.md says that they
  need not be, or time has passed."""

  def __init__(self, tolerance_ms):
    self.tolerance_ms = tolerance_ms
    self.worst_ms = 0

  def same(self, request, ours, theirs):
    words = [part.lower() for part in request[:2]]
    name = words[0]
    if name in (b"pttl", b"pexpiretime"):
      return self.near(ours, theirs, 1)
    if name in (b"ttl", b"expiretime"):
      return self.near(ours, theirs, 1000)
    if name == b"time":
      return ours.kind == theirs.kind and len(ours.content) == len(theirs.content) == 2
    if name == b"dbsize" or words == [b"cluster", b"countkeysinslot"]:
      # Keys that are over-due and not removed yet are counted, by both.
      return self.are_numbers(ours, theirs) and abs(ours.content - theirs.content) <= 3
    if name in (b"keys", b"scan", b"cluster"):
      return self.same_keys(ours, theirs)
    if name == b"randomkey":
      return ours.kind == theirs.kind
    if name == b"hello":
      return self.without_id(ours) == self.without_id(theirs)
    if words == [b"client", b"id"] or name == b"memory" or words == [b"object", b"idletime"]:
      return self.are_numbers(ours, theirs)
    if words == [b"object", b"encoding"]:
      # Redis' depends on the commands that made the value.
      return {ours.content, theirs.content} <= {b"int", b"embstr", b"raw"}
    if words == [b"object", b"refcount"]:
      # Redis does not share a number that came about by counting.
      return self.are_numbers(ours, theirs)
    if words == [b"object", b"freq"]:
      return ours.kind == theirs.kind == "-"
    return False

  @staticmethod
  def are_numbers(ours, theirs):
    return ours.kind == theirs.kind == ":"

  def near(self, ours, theirs, unit_ms):
    if not self.are_numbers(ours, theirs) or min(ours.content, theirs.content) < 0:
      return False
    difference = abs(ours.content - theirs.content) * unit_ms
    if unit_ms == 1:
      self.worst_ms = max(self.worst_ms, difference)
    return difference <= max(self.tolerance_ms, unit_ms)

  def same_keys(self, ours, theirs):
    """Lists of keys, in any order; of SCAN within a pair with its cursor."""
    if ours.kind != theirs.kind or not isinstance(ours.content, list):
      return False
    if len(ours.content) != len(theirs.content):
      return False
    if len(ours.content) == 2 and isinstance(ours.content[1].content, list):
      return ours.content[0] == theirs.content[0] and self.same_keys(*(
        side.content[1] for side in (ours, theirs)))
    return sorted(key.content for key in ours.content) == sorted(
      key.content for key in theirs.content)

  @staticmethod
  def without_id(hello):
    """What HELLO answers, but the number of the connection."""
    if not isinstance(hello.content, list):
      return hello
    names = [element.content for element in hello.content[::2]]
    values = hello.content[1::2]
    return Value(hello.kind, [
      (name, value.kind, None if name == b"id" else value.content)
      for name, value in zip(names, values)
    ])

  def same_of_transaction(self, requests, ours, theirs):
    """What EXEC answers to the requests that were queued."""
    if ours.kind != theirs.kind or not isinstance(ours.content, list):
      return False
    if not isinstance(theirs.content, list) or len(ours.content) != len(theirs.content):
      return False
    return len(requests) == len(ours.content) and all(
      own == other or self.same(request, own, other)
      for request, own, other in zip(requests, ours.content, theirs.content)
    )
