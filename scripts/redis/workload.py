#!/usr/bin/env python3
"""Uses a store through redis-py as a program would, and holds each answer against a model."""

import asyncio
import os
import random
import sys
import threading
import time

import redis
import redis.asyncio
from redis.exceptions import MovedError, ResponseError, WatchError

from checks import Checks, Skipped, equal, raises, true
from connect import VERSION, connect, home, parser, servers, speaks, until

SAMPLE_SLOTS = {
  b"": 0, b"foo": 12182, b"bar": 5061, b"x": 16287, b"somekey": 11058, b"foo{hash_tag}": 2515,
  b"bar{hash_tag}": 2515, b"foo{}{bar}": 8363, b"foo{{bar}}zap": 4015, b"foo{bar}{zap}": 5061,
  b"}{a}": 15495, b"user:1000": 1649,
}


class Workload:
  def __init__(self, options):
    self.options = options
    self.client = connect(options)
    self.random = random.Random(options.seed)
    self.prefix = f"workload:{os.getpid()}:{time.time_ns()}:"

  def key(self, name):
    return self.prefix + str(name)

  def counters(self):
    counts = {}
    for _ in range(1000):
      key, amount = self.key(f"count:{self.random.randrange(50)}"), self.random.randrange(-9, 10)
      by_one = self.random.choice((1, -1, None))
      if by_one == 1:
        found = self.client.incr(key)
      elif by_one == -1:
        found = self.client.decr(key)
      else:
        found = self.client.incrby(key, amount)
      counts[key] = counts.get(key, 0) + (amount if by_one is None else by_one)
      equal(found, counts[key])
    for key, count in counts.items():
      equal(self.client.get(key), str(count).encode())

  def texts(self):
    """Keys and values are any bytes."""
    values = {}
    names = [b"a\r\nb", b"\x00", b"\xff\xfe", "é".encode(), "é".encode(), b"a b", b"plain"]
    for _ in range(1000):
      key = self.prefix.encode() + self.random.choice(names)
      value = self.random.randbytes(self.random.randrange(40))
      old = values.get(key)
      action = self.random.randrange(7)
      if action == 0:
        equal(self.client.set(key, value), True)
        values[key] = value
      elif action == 1:
        values[key] = (old or b"") + value
        equal(self.client.append(key, value), len(values[key]))
      elif action == 2:
        equal(self.client.get(key), old)
      elif action == 3:
        equal(self.client.strlen(key), len(old or b""))
      elif action == 4:
        equal(self.client.getrange(key, 2, -2), (old or b"")[2:-1])
      elif action == 5:
        equal(self.client.setnx(key, value), old is None)
        values.setdefault(key, value)
      else:
        equal(self.client.getdel(key), old)
        values.pop(key, None)
    for name in names:
      equal(self.client.get(self.prefix.encode() + name), values.get(self.prefix.encode() + name))

  def big_values(self):
    value = self.random.randbytes(1_000_000)
    equal(self.client.set(self.key("big"), value), True)
    equal(self.client.get(self.key("big")), value)
    equal(self.client.append(self.key("big"), b"tail"), 1_000_004)
    equal(self.client.getrange(self.key("big"), 999_998, -1), value[-2:] + b"tail")

  def expiry(self):
    keys = [self.key(f"expiry:{number}") for number in range(20)]
    begin = time.monotonic()
    for key in keys:
      equal(self.client.set(key, "soon gone", px=1500), True)
    end = time.monotonic()
    true(all(0 < self.client.pttl(key) <= 1500 for key in keys), "a deadline is not as it was set")
    for key in keys[10:]:
      equal(self.client.persist(key), True)
    while time.monotonic() < begin + 1.3:
      alive = self.client.exists(keys[0])
      true(alive or time.monotonic() > begin + 1.5, "a key was gone before its deadline")
      time.sleep(0.05)
    gone = until(lambda: not any(self.client.exists(key) for key in keys[:10]), 3)
    true(gone, "keys are there long after their deadline")
    true(time.monotonic() < end + 2.5, "keys were there for a second after their deadline")
    for key in keys[10:]:
      equal(self.client.get(key), b"soon gone")
      equal(self.client.ttl(key), -1)
    equal(self.client.expire(keys[0], 10), False)
    equal(self.client.expire(keys[10], 100), True)
    true(90 < self.client.ttl(keys[10]) <= 100, "TTL is not what EXPIRE said")
    equal(self.client.set(keys[10], "kept", keepttl=True), True)
    true(90 < self.client.ttl(keys[10]) <= 100, "KEEPTTL did not keep it")
    equal(self.client.expireat(keys[11], 1), True)
    equal(self.client.exists(keys[11]), 0)

  def several_keys(self):
    keys = [self.key(f"{{tag}}:{number}") for number in range(100)]
    equal(self.client.mset({key: key for key in keys}), True)
    found = self.client.mget(keys + [self.key("{tag}:none")])
    equal(found, [key.encode() for key in keys] + [None])
    equal(self.client.exists(*keys), 100)
    equal(self.client.rename(keys[0], keys[1]), True)
    equal(self.client.get(keys[1]), keys[0].encode())
    equal(self.client.delete(*keys[:10]), 9)
    equal(self.client.unlink(*keys[10:20]), 10)
    equal(self.client.exists(*keys), 80)
    spread = {self.key(f"spread:{number}"): str(number).encode() for number in range(100)}
    if self.options.cluster:
      self.client.mset_nonatomic(spread)
      equal(self.client.mget_nonatomic(list(spread)), list(spread.values()))

  def transactions(self):
    count, text = self.key("{multi}:count"), self.key("{multi}:text")
    clients = [home(self.client, count)]
    if self.options.cluster and VERSION >= (6, 0):
      clients.append(self.client)
    for client in clients:
      self.client.delete(count, text)
      pipe = client.pipeline(transaction=True)
      replies = pipe.incr(count).set(text, "word").get(text).incrby(count, 5).execute()
      # Within the client's transactions on a cluster the answers are as the server wrote them.
      true(replies[1] in (True, b"OK"), f"SET is answered by {replies[1]}")
      equal((replies[0], *replies[2:]), (1, b"word", 6))
      pipe = client.pipeline(transaction=True)
      pipe.incr(count).incr(text).incr(count)
      replies = pipe.execute(raise_on_error=False)
      equal((replies[0], replies[2]), (7, 8))
      true(isinstance(replies[1], ResponseError), "INCR of a word within MULTI is no error")
    pipe = clients[0].pipeline(transaction=True)
    pipe.incr(count).execute_command("NOSUCHCOMMAND", count)
    raises(redis.RedisError, "", pipe.execute)
    equal(self.client.get(count), b"8")

  def watched_keys(self):
    key = self.key("{watch}")
    client = home(self.client, key)
    with client.pipeline() as pipe:
      pipe.watch(key)
      equal(pipe.get(key), None)
      self.client.set(key, "meanwhile")
      pipe.multi()
      pipe.set(key, "too late")
      raises(WatchError, "", pipe.execute)
    equal(self.client.get(key), b"meanwhile")

  def contention(self):
    """Threads that add one by WATCH, GET, MULTI, SET, EXEC: none is lost."""
    key, conflicts = self.key("{contended}"), []

    def add():
      client = home(connect(self.options), key)
      done = 0
      while done < 50:
        with client.pipeline() as pipe:
          pipe.watch(key)
          count = int(pipe.get(key) or 0)
          pipe.multi()
          pipe.set(key, count + 1)
          try:
            pipe.execute()
            done += 1
          except WatchError:
            conflicts.append(count)

    self.in_threads(4, add)
    equal(self.client.get(key), b"200")
    true(conflicts, "four threads never met, which proves nothing")

  def common_counter(self):
    """Threads that count together: each number is given once."""
    key, found = self.key("common"), []

    def count():
      client = connect(self.options)
      found.extend([client.incr(key) for _ in range(100)])

    self.in_threads(8, count)
    equal(sorted(found), list(range(1, 801)))

  def in_threads(self, number, action):
    errors = []

    def guarded():
      try:
        action()
      except Exception as error:  # It is raised again by whoever waits.
        errors.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(number)]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    if errors:
      raise errors[0]

  def pipelines(self):
    pipe = self.client.pipeline(transaction=False)
    expected = []
    for number in range(500):
      key = self.key(f"pipe:{number}")
      pipe.set(key, number)
      pipe.incr(key)
      pipe.get(key)
      pipe.get(self.key("pipe:none"))
      expected += [True, number + 1, str(number + 1).encode(), None]
    equal(pipe.execute(), expected)

  def scans(self):
    keys = {self.key(f"scan:{number}").encode() for number in range(500)}
    for key in keys:
      self.client.set(key, "")
    found = list(self.client.scan_iter(match=self.key("scan:*"), count=50))
    equal(set(found), keys)
    size = sum(server.dbsize() for server in servers(self.client))
    true(size >= 500, f"DBSIZE says {size}")

  def errors(self):
    key = self.key("error")
    self.client.set(key, "word")
    raises(ResponseError, "value is not an integer or out of range", lambda: self.client.incr(key))
    one = home(self.client, key)
    raises(ResponseError, "wrong number of arguments for 'get' command",
           lambda: one.execute_command("GET", key, key))
    raises(ResponseError, "unknown command", lambda: one.execute_command("NOSUCHCOMMAND", key))
    raises(ResponseError, "syntax error", lambda: one.execute_command("SET", key, "1", "BAD"))
    equal(self.client.set(key, 2**63 - 1), True)
    raises(ResponseError, "increment or decrement would overflow", lambda: self.client.incr(key))

  def connection(self):
    client = home(self.client, self.key(0))
    equal(client.ping(), True)
    equal(client.echo("a\r\nb"), b"a\r\nb")
    true(client.client_id() > 0, "no id")
    true(client.info()["redis_version"], "no version")
    equal(client.config_get("maxmemory-policy"), {"maxmemory-policy": "noeviction"})
    true(client.command_count() > 50, "few commands")
    true(abs(client.time()[0] - time.time()) < 5, "another time of day")
    if VERSION >= (5, 0):
      hello = client.execute_command("HELLO")
      pairs = hello if isinstance(hello, dict) else dict(zip(hello[::2], hello[1::2]))
      equal(pairs[b"proto"], self.options.protocol)

  def all_addresses(self):
    """Whatever address is asked, the answer is the same."""
    if self.options.cluster:
      raise Skipped("each has its own keys")
    for number, (host, port) in enumerate(self.options.addresses):
      self.client.set(self.key("everywhere"), number)
      found = connect(self.options, number).get(self.key("everywhere"))
      true(found == str(number).encode(), f"{host}:{port} answers {found}")

  def slots(self):
    if not self.options.cluster:
      raise Skipped("only with --cluster")
    for key, slot in SAMPLE_SLOTS.items():
      equal(self.client.execute_command("CLUSTER KEYSLOT", key, target_nodes="random"), slot)
      equal(self.client.keyslot(key), slot)
    equal(len(self.client.nodes_manager.slots_cache), 16384)
    key = self.key("moved")
    right = self.client.get_node_from_key(key)
    wrong = [node for node in self.client.get_primaries() if node.name != right.name]
    if not wrong:
      raise Skipped("one server has all slots, so none can say MOVED")
    error = raises(MovedError, "", lambda: self.client.get_redis_connection(wrong[0]).get(key))
    equal(((error.host or wrong[0].host), error.port), (right.host, right.port))

  def without_blocking(self):
    """The same library's clients for asyncio."""
    settings = {"protocol": self.options.protocol} if VERSION >= (5, 0) else {}
    host, port = self.options.addresses[0]
    kind = redis.asyncio.RedisCluster if self.options.cluster else redis.asyncio.Redis

    async def use():
      client = kind(host=host, port=port, password=self.options.password, **settings)
      # Tasks that begin before it knows the cluster break each other's connections, and repeat.
      await client.initialize()
      keys = [self.key(f"async:{number}") for number in range(50)]
      equal(await asyncio.gather(*(client.incr(key) for key in keys)), [1] * 50)
      pipe = client.pipeline(transaction=False) if not self.options.cluster else client.pipeline()
      for key in keys:
        pipe.incr(key)
      equal(await pipe.execute(), [2] * 50)
      await (client.aclose if hasattr(client, "aclose") else client.close)()

    asyncio.run(use())

  def cleaning_up(self):
    for key in list(self.client.scan_iter(match=self.prefix + "*", count=1000)):
      self.client.delete(key)
    equal(list(self.client.scan_iter(match=self.prefix + "*", count=1000)), [])


def main():
  options = parser(__doc__)
  options.add_argument("--seed", type=int, default=1)
  options = options.parse_args()
  kind = "cluster" if options.cluster else "plain"
  label = f"redis-py {redis.__version__}, {kind}, RESP{options.protocol}"
  if not speaks(options.protocol):
    print(f"SKIPPED  {label}: this version of redis-py speaks RESP2 only")
    return 0
  checks = Checks(label)
  made = []
  checks.run("connects", lambda: made.append(Workload(options)))
  for workload in made:
    for check in (
      workload.connection, workload.counters, workload.texts, workload.big_values, workload.expiry,
      workload.several_keys, workload.transactions, workload.watched_keys, workload.contention,
      workload.common_counter, workload.pipelines, workload.scans, workload.errors,
      workload.all_addresses, workload.slots, workload.without_blocking, workload.cleaning_up,
    ):
      checks.run(check.__name__.replace("_", " "), check)
  return checks.status()


if __name__ == "__main__":
  sys.exit(main())
