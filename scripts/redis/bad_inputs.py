"""The bytes that no client should send, and what is answered: by Redis 7.0, or by shardkv alone."""

import dataclasses
import unicodedata

from wire import request

KIB, MIB = 1 << 10, 1 << 20
PING, PONG, OK = request("PING"), b"+PONG\r\n", b"+OK\r\n"
NULL = b"$-1\r\n"
STAYS, CLOSES, WAITS, EITHER = "stays open", "closes", "waits for more", "may close"


@dataclasses.dataclass
class Case:
  """Bytes, and what comes back. Several answers are given where each of them is right."""

  name: str
  sent: bytes
  answer: bytes | tuple
  end: str = CLOSES
  # Whether Redis 7.0 does the same, with proto-max-bulk-len 1mb.
  redis: bool = True
  # Before logging in.
  stranger: bool = False
  # What is sent after a request that waits, and its answer.
  rest: tuple = ()
  # Byte by byte, in packets of their own.
  slowly: bool = False
  # Answers that are longer than this may be cut off by the end of the connection.
  prefix: bool = False
  seconds: float = 20


def refused(text):
  return b"-ERR Protocol error: %s\r\n" % text.encode()


def error(text):
  return b"-%s\r\n" % text.encode()


def argument(announced):
  return b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n%s\r\n" % announced.encode()


def cases(tag, password, is_light=False):
  """All of them; keys begin with the tag, so that they are on one server."""
  result = empty_requests() + counts_and_lengths() + lines() + unfinished() + other_protocols()
  result += keys_and_values(tag) + numbers(tag) + transactions(tag) + greetings()
  if not is_light:
    result += much(tag)
  if password is not None:
    result += strangers(tag, password)
  return result


def empty_requests():
  return [
    Case(f"empty: {text}", text, b"", STAYS)
    for text in (b"\r\n", b"\n", b" \t\r\n", b"*0\r\n", b"*-1\r\n", b"*-10\r\n", b"\r\n" * 10_000)
  ]


def counts_and_lengths():
  bad_count, bad_length = refused("invalid multibulk length"), refused("invalid bulk length")
  counts = [
    "*3000000000", "*9223372036854775807", "*9223372036854775808", "*x", "*+1", "*01", "* 1", "*",
  ]
  lengths = [
    "$-10", "$-1", "$2000000000", "$blabla", "$9223372036854775807", "$9223372036854775808", "$+5",
    "$ 5", "$05", "$", "$-0", f"${MIB + 1}",
  ]
  found = {"fooz": "f", "*1": "*", ":1": ":", "%1": "%", "_": "_", "#t": "#", "(1": "(", "": " "}
  return (
    [Case(f"count {count}", count.encode() + b"\r\n", bad_count) for count in counts]
    + [Case(f"length {length}", argument(length), bad_length) for length in lengths]
    + [
      Case(f"argument {text!r}", argument(text), refused(f"expected '$', got '{byte}'"))
      for text, byte in found.items()
    ]
    + [
      Case("count *2147483647", b"*2147483647\r\n", bad_count, redis=False),
      Case("count *1048577", b"*1048577\r\n", bad_count, redis=False),
      Case("one argument foo", b"*1\r\nfoo\r\n", refused("expected '$', got 'f'")),
      Case("length with LF alone", b"*1\r\n$5\nhello\r\n", bad_length),
      Case("good requests before a bad one", PING * 3 + b"*x\r\n" + PING, PONG * 3 + bad_count),
    ]
  )


def lines():
  inline, count, length = (
    refused(f"too big {what}")
    for what in ("inline request", "mbulk count string", "bulk count string")
  )
  size = 64 * KIB
  unknown = "ERR unknown command '{}', with args beginning with: "
  return [
    Case("line of 64 KiB and no end", b"A" * (size + 1), inline),
    Case("NUL, then endless", b"\x00" + b"A" * size, inline),
    Case("count of NUL, then endless", b"*\x00" + b"A" * size, count),
    Case("length of NUL, then endless", b"*1\r\n$\x00" + b"A" * size, length),
    Case("count without an end", b"*" + b"1" * size, count),
    Case("endless for 8 MiB", b"A" * 8 * MIB, (inline, b"")),
    Case("quotes", b'set """test-key""" test-value\r\n', refused("unbalanced quotes in request")),
    Case("open quote", b"set 'a b\r\n", refused("unbalanced quotes in request")),
    Case("quotes that are right", b'ECHO "a\\x41\\n"\r\n', b"$3\r\naA\n\r\n", STAYS),
  ] + [
    Case(f"line {text}", text.encode() + b"\r\n", error(unknown.format(text)), STAYS)
    for text in ("+PING", "%1", "~1", ">1", "_", "#t", ",1.5", "(1", "|1", "$4")
  ]


def unfinished():
  ended = (b"\r\n", PONG)
  return [
    Case("no end after the argument", b"*1\r\n$4\r\nPING", b"", WAITS, rest=ended),
    Case("another end of the argument", b"*1\r\n$4\r\nPINGxx", PONG, STAYS),
    Case("half a count", b"*1", b"", WAITS, rest=(b"\r\n$4\r\nPING\r\n", PONG)),
    Case("half a line", b"PI", b"", WAITS, rest=(b"NG\r\n", PONG)),
    Case("many arguments announced", b"*1048576\r\n", b"", WAITS),
    Case("a long argument announced", b"*2\r\n$3\r\nGET\r\n$1048576\r\n", b"", WAITS),
    Case("byte by byte", request("ECHO", b"a\r\nb"), b"$4\r\na\r\nb\r\n", STAYS, slowly=True),
    Case("a command beyond QUIT", b"PING\r\nQUIT\r\nPING\r\n", PONG + OK),
  ]


def other_protocols():
  arity = error("ERR wrong number of arguments for 'get' command")
  hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32, 255)) * 2
  inline = refused("too big inline request")
  return [
    Case("POST", b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", b""),
    Case("HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", (b"", arity)),
    Case("POST as an array", request("POST", "/"), b""),
    Case("TLS hello", hello, b"", WAITS),
    Case("TLS hello, then endless", hello + b"A" * (64 * KIB + 1 - len(hello)), inline),
  ]


def keys_and_values(tag):
  def kept(name, key, value=b"v", after=b""):
    sent = request("SET", tag + key, value) + request("GET", tag + key) + request("DEL", tag + key)
    return Case(name, sent + after, OK + b"$%d\r\n%s\r\n" % (len(value), value) + b":1\r\n", STAYS)

  composed, decomposed = (unicodedata.normalize(form, "é").encode() for form in ("NFC", "NFD"))
  too_long = error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
  long_key = tag + b"k" * (64 * KIB - len(tag))
  two = request("SET", tag + composed, 1) + request("GET", tag + decomposed)
  return [
    kept("key with CRLF", b"a\r\nb"),
    kept("key with NUL", b"a\x00b"),
    kept("key that is no UTF-8", b"\xff\xfe\xc3"),
    kept("value of all bytes", b"all", bytes(range(256)) * 8),
    kept("empty value", b"empty", b""),
    kept("key of 64 KiB", long_key[len(tag) :]),
    kept("value of 1 MiB", b"big", b"v" * MIB),
    Case("keys that look alike", two + request("DEL", tag + composed), OK + NULL + b":1\r\n",
         STAYS),
    Case("empty key", request("SET", "", "v") + request("DEL", ""), OK + b":1\r\n", STAYS),
    Case("key of 64 KiB and a byte", request("SET", long_key + b"k", "v"),
         error("ERR the key is longer than 65536 bytes"), STAYS, redis=False),
    Case("value of 1 MiB and a byte", request("SET", tag, b"v" * (MIB + 1)),
         (refused("invalid bulk length"), b"")),
    Case("append to 1 MiB",
         request("SET", tag, b"v" * MIB) + request("APPEND", tag, "v") + request("DEL", tag),
         OK + too_long + b":1\r\n", STAYS),
    Case("SETRANGE beyond 1 MiB", request("SETRANGE", tag, MIB, "v"), too_long, STAYS),
    Case("unknown command with line ends", request("foo", b"a\r\nb"),
         error("ERR unknown command 'foo', with args beginning with: 'a  b' "), STAYS),
    Case("command without a name", request("", "a"),
         error("ERR unknown command '', with args beginning with: 'a' "), STAYS),
  ]


def numbers(tag):
  high, low = 2**63 - 1, -(2**63)
  not_integer = error("ERR value is not an integer or out of range")
  overflow = error("ERR increment or decrement would overflow")

  def one(name, answer, *arguments):
    sent = request("DEL", tag) + request("SET", tag, 0) + request(*arguments) + request("DEL", tag)
    return Case(name, sent, b":0\r\n" + OK + answer + b":1\r\n", STAYS)

  return [
    one("2^63 - 1", b":%d\r\n" % high, "INCRBY", tag, high),
    one("2^63", not_integer, "INCRBY", tag, high + 1),
    one("-2^63", b":%d\r\n" % low, "INCRBY", tag, low),
    one("-2^63 - 1", not_integer, "INCRBY", tag, low - 1),
    one("minus -2^63", error("ERR decrement would overflow"), "DECRBY", tag, low),
    Case("over 2^63 - 1", request("SET", tag, high) + request("INCR", tag) + request("DEL", tag),
         OK + overflow + b":1\r\n", STAYS),
    one("EXPIRE 2^63 - 1", error("ERR invalid expire time in 'expire' command"),
        "EXPIRE", tag, high),
    one("SET EX 0", error("ERR invalid expire time in 'set' command"), "SET", tag, 1, "EX", 0),
    one("SETRANGE -1", error("ERR offset is out of range"), "SETRANGE", tag, -1, "v"),
    one("GETRANGE over 64 bits", b"$1\r\n0\r\n", "GETRANGE", tag, low, high),
    one("SETBIT 2^63", error("ERR bit offset is not an integer or out of range"),
        "SETBIT", tag, high, 1),
  ]


def transactions(tag):
  aborted = error("EXECABORT Transaction discarded because of previous errors.")
  arity = error("ERR wrong number of arguments for 'get' command")
  queued = b"+QUEUED\r\n"
  multi, execute = request("MULTI"), request("EXEC")
  return [
    Case("wrong number of arguments within MULTI", multi + request("GET") + execute,
         OK + arity + aborted, STAYS),
    Case("unknown command within MULTI", multi + request("foo") + request("SET", tag, 1) + execute,
         OK + error("ERR unknown command 'foo', with args beginning with: ") + queued + aborted,
         STAYS),
    Case("MULTI within MULTI", multi * 2 + execute,
         OK + error("ERR MULTI calls can not be nested") + b"*0\r\n", STAYS),
    Case("WATCH within MULTI", multi + request("WATCH", tag) + execute,
         OK + error("ERR WATCH inside MULTI is not allowed") + b"*0\r\n", STAYS),
    Case("EXEC alone", execute, error("ERR EXEC without MULTI"), STAYS),
    Case("DISCARD alone", request("DISCARD"), error("ERR DISCARD without MULTI"), STAYS),
    Case("error that EXEC meets", multi + request("SET", tag, "a") + request("INCR", tag)
         + request("DEL", tag) + execute,
         OK + queued * 3 + b"*3\r\n+OK\r\n" + error("ERR value is not an integer or out of range")
         + b":1\r\n", STAYS),
    Case("bad bytes within MULTI", multi + request("SET", tag, "a") + b"*x\r\n",
         OK + queued + refused("invalid multibulk length")),
  ]


def greetings():
  return [
    Case("HELLO 4", request("HELLO", 4), error("NOPROTO unsupported protocol version"), STAYS),
    Case("HELLO of no number", request("HELLO", "x"),
         error("ERR Protocol version is not an integer or out of range"), STAYS),
    Case("CLIENT SETNAME with a blank", request("CLIENT", "SETNAME", "a b"),
         error("ERR Client names cannot contain spaces, newlines or special characters."), STAYS),
  ]


def much(tag):
  arity = error("ERR wrong number of arguments for 'get' command")
  arguments = b"*1000000\r\n$3\r\nGET\r\n" + b"$0\r\n\r\n" * 999_999
  value = b"v" * 500_000
  many = request("SET", tag, value) + request("GET", tag) * 100
  megabyte = b"$%d\r\n%s\r\n" % (MIB, b"v" * MIB)
  return [
    Case("1,000,000 arguments", arguments, arity, STAYS),
    Case("1,000,000 requests at once", b"PING\r\n" * 1_000_000, PONG * 1_000_000, STAYS,
         seconds=60),
    Case("answers of 50 MB", many, OK + (b"$500000\r\n" + value + b"\r\n") * 100, STAYS,
         seconds=60),
    Case("a request over 32 MiB", b"*40\r\n$4\r\nMGET\r\n" + megabyte * 39, b"", redis=False),
  ]


def strangers(tag, password):
  count, length = (refused(f"unauthenticated {what} length") for what in ("multibulk", "bulk"))
  wrong = error("WRONGPASS invalid username-password pair or user is disabled.")
  locked = error("NOAUTH Authentication required.")
  login = request("AUTH", password)
  four = b"$4096\r\n" + b"a" * 4096 + b"\r\n"

  def stranger(name, sent, answer, end=CLOSES, **more):
    return Case("before log-in: " + name, sent, answer, end, stranger=True, **more)

  return [
    stranger("*100", b"*100\r\n", count),
    stranger("*11", b"*11\r\n", count),
    stranger("*10", b"*10\r\n", b"", WAITS),
    stranger("*3000000000", b"*3000000000\r\n", refused("invalid multibulk length")),
    # Redis does so, too, when its own limit is not 1 MiB.
    stranger("$100000000", b"*1\r\n$100000000\r\n", length, redis=False),
    stranger("$16385", b"*1\r\n$16385\r\n", length),
    stranger("$1048576", b"*1\r\n$1048576\r\n", length),
    stranger("$4097", b"*1\r\n$4097\r\n", length, redis=False),
    stranger("16 KiB in all", b"*9\r\n" + four * 4, b"", redis=False),
    stranger("line of 16 KiB", b"A" * (16 * KIB + 1), refused("too big inline request"),
             redis=False),
    stranger("a key", request("GET", "a"), locked, STAYS),
    stranger("binary password", request("AUTH", b"\x00\xff\r\n"), wrong, STAYS),
    stranger("password of 4 KiB", request("AUTH", b"x" * 4096), wrong, STAYS),
    stranger("10,000 wrong passwords", request("AUTH", "wrong") * 10_000, wrong * 10_000, EITHER,
             prefix=True),
    stranger("log-in after a wrong one", request("AUTH", "wrong") + login + PING, wrong + OK + PONG,
             STAYS),
    stranger("log-in, then many arguments", login + request("DEL", *[tag] * 20),
             OK + b":0\r\n", STAYS),
    stranger("log-in by HELLO", request("HELLO", 2, "AUTH", "default", "wrong"), wrong, STAYS),
  ]
