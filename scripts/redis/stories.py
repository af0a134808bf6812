"""Random requests of several connections, valid and not, of all commands that shardkv has."""

import random
import time

KEYED = """
get:k set:kvS set:kv set:kf set:ki setex:kev psetex:kEv setnx:kv mget:kk* mset:kvkv* msetnx:kvkv*
append:kv strlen:k getset:kv getdel:k getex:kG getrange:koo substr:koo setrange:kov incr:k decr:k
incrby:ki decrby:ki incrbyfloat:kf incrbyfloat:kf del:kk* unlink:k* exists:kk* touch:k* expire:keX
pexpire:kEX expireat:kaX pexpireat:kAX ttl:k pttl:k expiretime:k pexpiretime:k persist:k type:k
rename:kk renamenx:kk copy:kkC setbit:kob getbit:ko bitcount:kB lcs:kkL
""".split()

# What may be done to a watched key: whatever does not delete it, since a key that was absent, is
# made and deleted again counts as changed in Redis only.
WATCHED = "set:wv set:wv incr:w append:wv get:w mget:ww* setnx:wv getset:wv setbit:wob persist:w " \
          "expire:wz strlen:w setrange:wov getex:w copy:kwR incrby:wi".split()

# The session's own commands; {t} is the slot of all keys of transactions.
GREETINGS = """HELLO|HELLO 2|HELLO 3|HELLO 3 SETNAME n|HELLO 2 SETNAME m|HELLO 4|HELLO x
HELLO 3 AUTH default no|HELLO 2 AUTH a|HELLO 3 FOO|HELLO 3 SETNAME|HELLO 03|HELLO 3 AUTH none word
HELLO 2 AUTH default word SETNAME k|HELLO 9223372036854775808|AUTH no|AUTH default word
AUTH none word|AUTH a b c|AUTH|RESET x|PING|PING a|PING a b|ECHO a|ECHO|SELECT 0|SELECT 1|SELECT x
SELECT -1|SELECT 99999999999|SELECT 0 0|SELECT 00|FOO|FOO a b|GET"""

CLIENTS = """CLIENT SETNAME a|CLIENT SETNAME \xe4|CLIENT GETNAME|CLIENT ID|CLIENT REPLY x
CLIENT NO-EVICT on|CLIENT NO-EVICT off|CLIENT NO-EVICT x|CLIENT LIST TYPE x|CLIENT LIST ID x
CLIENT LIST x|CLIENT LIST ID|CLIENT LIST TYPE pubsub|CLIENT KILL 1.2.3.4:5|CLIENT KILL ID x
CLIENT KILL ID 0|CLIENT KILL ID 999999999|CLIENT KILL TYPE x|CLIENT KILL x y
CLIENT KILL ID 999999999 x|CLIENT KILL USER x|CLIENT KILL SKIPME x|CLIENT KILL LADDR x SKIPME no
CLIENT KILL TYPE slave|CLIENT PAUSE x|CLIENT PAUSE -1 x|CLIENT PAUSE -1|CLIENT|CLIENT UNPAUSE
CLIENT x|CLIENT REPLY|CLIENT PAUSE -1 ALL x|CLIENT LIST ID 999999999"""

SERVERS = """TIME|SLOWLOG GET x|SLOWLOG GET -2|SLOWLOG GET 1 2|SLOWLOG x|SLOWLOG RESET|SLOWLOG LEN
SLOWLOG GET|LATENCY LATEST|LATENCY HISTORY x|LATENCY RESET x|LATENCY HISTOGRAM none|FUNCTION FLUSH
FUNCTION FLUSH x|FUNCTION FLUSH SYNC|FUNCTION FLUSH SYNC x|FUNCTION LIST|FUNCTION LIST x
FUNCTION LIST WITHCODE LIBRARYNAME x|FUNCTION KILL|FUNCTION LIST LIBRARYNAME|FUNCTION DELETE x
FUNCTION LIST WITHCODE WITHCODE|CONFIG GET none|CONFIG SET none x|CONFIG SET a b c
CONFIG SET timeout 0|CONFIG SET timeout 0 timeout 0|CONFIG GET timeout|CONFIG GET DATABASES none
CONFIG RESETSTAT|CONFIG GET maxmemory|CONFIG GET maxmemory-policy|INFO none|INFO modules
COMMAND GETKEYS get a|COMMAND x|COMMAND GETKEYS foo|COMMAND GETKEYS ping a|COMMAND INFO none
COMMAND GETKEYS mset a 1 b 2|COMMAND GETKEYS copy a b|COMMAND INFO get|COMMAND INFO mget getrange
COMMAND INFO incr lcs ping|COMMAND GETKEYS set a b ex|OBJECT x|OBJECT FREQ {t}none
OBJECT ENCODING {t}0|OBJECT REFCOUNT {t}1|OBJECT IDLETIME {t}2|OBJECT FREQ {t}3
OBJECT IDLETIME {t}none|OBJECT ENCODING {t}none
MEMORY USAGE {t}1 x|MEMORY USAGE {t}1 SAMPLES x|MEMORY USAGE {t}1 SAMPLES -1|MEMORY USAGE {t}1
MEMORY USAGE {t}1 SAMPLES|MEMORY USAGE {t}none SAMPLES 0|READONLY|READWRITE|ASKING|CLUSTER KEYSLOT {t}1
CLUSTER KEYSLOT foo|CLUSTER x|CLUSTER|READONLY x|CLUSTER KEYSLOT"""

KEYSPACE = """KEYS *|KEYS {t}?|KEYS [^{]*|KEYS *[0-2]|KEYS none|DBSIZE|RANDOMKEY|SCAN 0 COUNT 100000
SCAN 0 COUNT 100000 MATCH {t}*|SCAN 0 TYPE string COUNT 99999|SCAN 0 COUNT 99999 TYPE list|SCAN x
SCAN 0 COUNT 0|SCAN 0 COUNT x|SCAN 0 MATCH|SCAN 0 FOO 1|SCAN 99999999999999999999|DBSIZE x
FLUSHALL x|FLUSHDB SYNC x|CLUSTER COUNTKEYSINSLOT %d|CLUSTER GETKEYSINSLOT %d 1000|KEYS|SCAN
CLUSTER COUNTKEYSINSLOT x|CLUSTER COUNTKEYSINSLOT 16384|CLUSTER GETKEYSINSLOT -1 1
CLUSTER GETKEYSINSLOT 1 -1"""
SLOT_OF_T = 15891

TRANSACTIONS = "MULTI|MULTI|MULTI|EXEC|EXEC|EXEC|DISCARD|UNWATCH|EXEC x|WATCH|WATCH w|WATCH w|RESET"

NAMES = """append asking auth bitcount client cluster command config copy dbsize decr decrby del
discard echo exec exists expire expireat expiretime function get getbit getdel getex getrange
getset hello incr incrby incrbyfloat info keys lcs memory mget mset msetnx multi object persist
pexpire pexpireat pexpiretime ping psetex pttl randomkey readonly readwrite rename renamenx reset
select set setbit setex setnx setrange slowlog strlen substr time touch ttl type unlink unwatch
watch latency latencyx mgett x""".split()
# Without arguments these are commands of their own, or lists that are compared elsewhere.
NEED_ARGUMENTS = {
  "command", "discard", "exec", "info", "multi", "reset", "unwatch", "dbsize", "randomkey",
}

FLOATS = """inf -inf nan infinity 1e4932 1.2e4932 -1.1e4932 1e-4951 1e-4940 1e-5000 0x1p10 0x1.8p-3
0x.8 0x 1e 1e+ . .5 5. 0e99999999999 3.0e3 -0 0x1.fffffffffffffffffffp5 1.5.2 00012.50""".split()
INTEGERS = ["9223372036854775807", "-9223372036854775808", "9223372036854775808", "-0", "+1", "01",
            " 1", "1 ", "", "x", "1.5", "-", "9223372036854775806"]


def lines(text):
  return [line for row in text.split("\n") for line in row.split("|") if line]


class Link:
  """What of a connection's state decides what may be asked on it."""

  def __init__(self):
    self.is_open = self.watches = False

  def note(self, request):
    word = request[0].upper()
    if len(request) == 1 and word == b"MULTI":
      self.is_open = True
    elif len(request) == 1 and word in (b"EXEC", b"DISCARD", b"RESET"):
      self.is_open = self.watches = False
    elif word == b"WATCH" and len(request) > 1:
      self.watches = True


class Stories:
  """A round of requests, drawn from its seed."""

  def __init__(self, seed, is_cluster, epoch):
    self.random = random.Random(seed)
    self.is_cluster = is_cluster
    # Seconds since 1970, which deadlines are far from.
    self.epoch = epoch
    self.one_slot = True

  @staticmethod
  def link():
    return Link()

  def batch(self, link):
    """Requests to be sent at once, each with one answer unless said otherwise."""
    draw = self.random.random()
    self.one_slot = link.is_open or link.watches or not self.is_cluster
    pick = self.random.choice
    count = self.random.randrange(1, pick((3, 60, 200)))
    if link.is_open and self.random.random() < 0.7:
      requests = self.transaction(link)
    elif draw < 0.55:
      requests = [self.keyed(pick(KEYED)) for _ in range(count)]
    elif draw < 0.62:
      requests = [self.of_transaction() for _ in range(count)]
    elif draw < 0.75:
      requests = self.transaction(link)
    elif draw < 0.80:
      requests = [self.any_arguments(link) for _ in range(self.random.randrange(1, 20))]
    elif draw < 0.85:
      requests = [self.line(pick(lines(GREETINGS))) for _ in range(5)]
    elif draw < 0.90:
      requests = [self.line(pick(lines(CLIENTS + "\n" + SERVERS))) for _ in range(10)]
    elif draw < 0.93:
      requests = [self.line(pick(lines(SERVERS))) for _ in range(10)]
    elif draw < 0.96:
      requests = self.keyspace(link)
    elif draw < 0.975:
      requests = self.big_values(link)
    elif draw < 0.985 and not link.is_open:
      requests = self.muted()
    elif draw < 0.99:
      requests = self.ending(link) + [[pick((b"FLUSHALL", b"FLUSHDB"))]] + self.first()
    else:
      requests = [self.far_key(pick(KEYED[:6])) for _ in range(count)]
    for request in requests:
      link.note(request)
    return requests

  def first(self):
    """The watched keys are always there."""
    return [[b"SET", self.watched(number), b"0"] for number in range(3)]

  def ending(self, link):
    return [[b"DISCARD"]] if link.is_open else []

  # --- Kinds of requests ---

  def keyed(self, shape):
    name, letters = shape.split(":")
    if letters.endswith("*"):
      letters = letters[:-1]
      letters += ("kv" if "v" in letters else "k") * self.random.randrange(3)
    self.tag = b"{t}" if self.one_slot or self.random.random() < 0.9 else None
    request = [self.cased(name)]
    for letter in letters:
      request += self.argument(letter)
    if self.random.random() < 0.01:
      # What may be one more key must be of the same slot.
      is_key = self.one_slot and "*" in shape
      request.append(b"{t}x" if is_key else self.random.choice((b"x", b"1", b"NX")))
    if self.random.random() < 0.01 and len(request) > 1:
      request.pop()
    return request

  def of_transaction(self):
    self.one_slot = True
    draw = self.random.random()
    if draw < 0.3:
      words = self.random.choice(TRANSACTIONS.split("|")).split()
      return [self.watched() if word == "w" else word.encode() for word in words]
    return self.keyed(self.random.choice(WATCHED if draw < 0.7 else KEYED))

  def transaction(self, link):
    """One as it should be, or its end; now and then it stays open for a while."""
    requests = []
    if not link.is_open:
      if self.random.random() < 0.5:
        requests.append([b"WATCH", self.watched()])
      # Another connection may come in between.
      if requests and self.random.random() < 0.3:
        return requests
      requests.append([b"MULTI"])
    self.one_slot = True
    for _ in range(self.random.randrange(1, 8)):
      requests.append(self.keyed(self.random.choice(WATCHED if len(requests) % 2 else KEYED)))
    if self.random.random() < 0.8:
      requests.append([self.random.choice((b"EXEC", b"EXEC", b"EXEC", b"exec", b"DISCARD"))])
    return requests

  def any_arguments(self, link):
    name = self.random.choice(NAMES)
    least = 1 if name in NEED_ARGUMENTS else 0
    words = (b"{t}x",) if self.one_slot else (b"{t}x", b"{t}x", b"1", b"x")
    arguments = [self.random.choice(words)
                 for _ in range(self.random.randrange(least, 7))]
    # No key may end while it is looked at: a millisecond, or a second, is too short.
    if name in ("psetex", "pexpire", "setex", "expire"):
      arguments = [b"7000000" if word == b"1" else word for word in arguments]
    # A watched key's name is not among them, and FLUSHALL not among the commands.
    if name == "watch" or name == "keys" and link.is_open:
      arguments = []
    return [self.cased(name)] + arguments

  def line(self, text):
    return [part.encode("latin-1") for part in text.split(" ")]

  def keyspace(self, link):
    texts = [self.random.choice(lines(KEYSPACE)) for _ in range(6)]
    return self.ending(link) + [self.line(t % SLOT_OF_T if "%d" in t else t) for t in texts]

  def big_values(self, link):
    """Values up to the limit of 1 MiB, of which no more than a few are asked for at once."""
    key, size = b"{t}big", 1 << 20
    length = self.random.choice((size, size - 1, size // 2, 70_000))
    choices = [
      [b"SET", key, b"v" * length], [b"APPEND", key, b"tail"], [b"GET", key], [b"STRLEN", key],
      [b"SETRANGE", key, b"%d" % (size - 1), b"z"], [b"SETRANGE", key, b"%d" % size, b"z"],
      [b"SETBIT", key, b"8388607", b"1"], [b"SETBIT", key, b"8388608", b"1"],
      [b"BITCOUNT", key], [b"GETRANGE", key, b"-9", b"-1"], [b"GETBIT", key, b"8388607"],
      [b"SETRANGE", key, b"4294967296", b"z"], [b"LCS", key, b"{t}0"], [b"RENAME", key, key],
    ]
    return (self.ending(link) + [self.random.choice(choices) for _ in range(6)] + [[b"DEL", key]])

  def muted(self):
    """CLIENT REPLY: SKIP takes itself and the next answer away, OFF all up to ON."""
    one = self.keyed("set:kv")
    if self.random.random() < 0.5:
      return [[b"CLIENT", b"REPLY", b"SKIP"], one, [b"PING"]]
    return [[b"CLIENT", b"REPLY", b"OFF"], one, [b"GET", b"{t}0"], [b"CLIENT", b"REPLY", b"ON"]]

  def far_key(self, shape):
    """A key that is no text, has a long name, or is empty."""
    request = self.keyed(shape)
    if len(request) > 1:
      request[1] = self.random.choice(
        (b"{t}\r\n\x00", b"{t}\xff\xfe", b"{t}\xc3\xa9", b"{t}e\xcc\x81", b"{t}" + b"k" * 3000))
    return request

  # --- Arguments ---

  def watched(self, number=None):
    return b"{t}w%d" % (self.random.randrange(3) if number is None else number)

  def argument(self, letter):
    pick, number = self.random.choice, self.random.randrange
    if letter == "k":
      tag = self.tag or pick((b"{t}", b"{u}", b""))
      return [tag + b"%d" % number(6)]
    if letter == "w":
      return [self.watched()]
    if letter == "v":
      return [self.value()]
    if letter in "ifo":
      return [{"i": self.integer, "f": self.float, "o": self.offset}[letter]().encode()]
    if letter == "b":
      return [pick((b"0", b"1", b"0", b"1", b"1", b"2", b"-1", b"x"))]
    if letter in "eEaAz":
      return [self.moment(letter).encode()]
    if letter == "S":
      return self.options("NX XX GET KEEPTTL EX PX EXAT PXAT PERSIST", 3)
    if letter == "G":
      return self.options("PERSIST EX PX EXAT PXAT KEEPTTL NX", 1)
    if letter == "X":
      return self.options("NX XX GT LT nx foo\r\nbar\r\n x\0y", 2)
    if letter == "B":
      if self.random.random() < 0.2:
        return []
      ends = [self.offset().encode(), self.offset().encode()]
      return ends + self.options("BYTE BIT bit\0x x", 1)
    if letter == "L":
      return self.options("LEN IDX MINMATCHLEN WITHMATCHLEN idx", 3)
    if letter == "C":
      return self.options("REPLACE DB replace foo", 2)
    return [b"REPLACE"]

  def options(self, names, most):
    result = []
    for _ in range(self.random.randrange(most + 1)):
      name = self.random.choice(names.split(" "))
      result.append(self.cased(name))
      if self.random.random() < 0.05:
        continue
      if name in ("EX", "PX", "EXAT", "PXAT"):
        letter = {"EX": "e", "PX": "E", "EXAT": "a", "PXAT": "A"}[name]
        result.append(self.moment(letter).encode())
      elif name == "MINMATCHLEN":
        result.append(self.offset().encode())
      elif name == "DB":
        result.append(self.random.choice((b"0", b"0", b"0", b"1", b"-1", b"x", b"99999999999")))
    return result

  def value(self):
    kind = self.random.randrange(12)
    if kind == 0:
      return b""
    if kind == 1:
      return self.integer().encode()
    if kind == 2:
      return self.float().encode()
    if kind == 3:
      return self.random.randbytes(self.random.randrange(1, 13))
    if kind == 4:
      return b"b" * self.random.choice((44, 45, 700, 700, 3000))
    return bytes(self.random.choices(b"abcd", k=self.random.randrange(1, 21)))

  def integer(self):
    kind = self.random.randrange(8)
    if kind == 0:
      return self.random.choice(INTEGERS)
    if kind == 1:
      return str(self.random.getrandbits(64) - 2**63)
    return str(self.random.randrange(-100, 101))

  def offset(self):
    kind = self.random.randrange(16)
    # High ones make high values; big_values tries them.
    if kind == 0:
      return self.random.choice(("-9223372036854775808", "x", "", "01", "4294967296", "8388608"))
    return str(self.random.randrange(-30, 61))

  def moment(self, letter):
    """A period (e, E) or a deadline (a, A) in seconds or milliseconds: far away, past, or none. z:
    a period that does not end the key."""
    kind = 9 if letter == "z" else self.random.randrange(12)
    if kind == 0:
      return self.random.choice(INTEGERS)
    if kind == 1:
      return self.random.choice(("9223372036854775", "9223372036854776", "9223370000000000", "0",
                                 "-1"))
    unit = 1000 if letter in "EA" else 1
    far = self.random.randrange(600, 10**7) * unit + self.random.randrange(unit)
    if letter in "aA":
      return str(self.epoch * unit + (far if kind > 3 else -far))
    return str(far if kind > 2 else -far)

  def float(self):
    kind = self.random.randrange(12)
    digits = str(self.random.getrandbits(64) >> self.random.randrange(64))
    sign = self.random.choice(("", "-", "", "+", "-"))
    if kind == 0:
      return self.random.choice(FLOATS + [" 1", "1 ", "", "1\0"])
    if kind == 1:
      return f"{sign}{digits}e{self.random.randrange(-40, 41)}"
    if kind == 2:
      return f"{sign}{digits}.{self.random.getrandbits(64)}e{self.random.randrange(-60, 61)}"
    if kind == 3:
      return f"{sign}0x{self.random.getrandbits(64):x}p{self.random.randrange(-90, 21)}"
    if kind in (4, 5):
      return f"{sign}{digits}.{self.random.getrandbits(64)}"
    if kind == 6:
      return f"{sign}{digits}e{self.random.randrange(-4960, 4933)}"
    return f"{sign}{self.random.randrange(1000)}.{self.random.randrange(100_000)}"

  def cased(self, name):
    return (name.lower() if self.random.random() < 0.3 else name.upper()).encode()


def short_lives(stories):
  """Keys that live for less than a second; what is asked before, and after they are gone."""
  keys = [b"{t}s%d" % number for number in range(12)]
  pick = stories.random.choice
  making = []
  for key in keys:
    life = b"%d" % stories.random.randrange(50, 900)
    making += pick((
      [[b"SET", key, b"v", b"PX", life]], [[b"PSETEX", key, life, b"v"]],
      [[b"SET", key, b"v"], [b"PEXPIRE", key, life]], [[b"SET", key, b"v"],
       [b"GETEX", key, b"PX", life]], [[b"SETEX", key, b"1", b"v"]],
      [[b"SET", key, b"v"], [b"EXPIRE", key, b"1"]],
      [[b"SET", key, b"v"], [b"PEXPIREAT", key, b"%d" % (time.time() * 1000 + 700)]],
    ))
  asking = []
  for key in keys:
    asking += pick((
      [[b"GET", key]], [[b"EXISTS", key]], [[b"PTTL", key]], [[b"TYPE", key]], [[b"STRLEN", key]],
      [[b"INCR", key], [b"TTL", key]], [[b"APPEND", key, b"x"], [b"GET", key], [b"TTL", key]],
      [[b"SETNX", key, b"new"]], [[b"RENAME", key, key]], [[b"PERSIST", key]], [[b"DEL", key]],
      [[b"GETDEL", key]], [[b"SET", key, b"v", b"XX"]], [[b"SET", key, b"v", b"KEEPTTL"],
       [b"TTL", key]], [[b"EXPIRE", key, b"100"]], [[b"COPY", key, b"{t}sc"]], [[b"GETEX", key]],
    ))
  return making, asking + [[b"KEYS", b"{t}s*"], [b"DEL", b"{t}sc"] + keys]
