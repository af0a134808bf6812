"""How the scripts here open redis-py clients, of whatever version is installed."""

import argparse
import logging
import time

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry

# Debian's version logs each error that it raises, too.
logging.getLogger("redis").setLevel(logging.CRITICAL + 1)

VERSION = tuple(int(part) for part in redis.__version__.split(".")[:2])


def parser(summary):
  """The options that all of them have."""
  result = argparse.ArgumentParser(description=summary)
  result.add_argument("addresses", nargs="+", metavar="HOST:PORT", type=address)
  result.add_argument("--cluster", action="store_true", help="the client of Redis Cluster")
  result.add_argument("--protocol", type=int, choices=(2, 3), default=2)
  result.add_argument("--password")
  result.add_argument("--timeout", type=float, default=5, help="seconds for one answer")
  return result


def address(text):
  host, separator, port = text.rpartition(":")
  if not separator or not port.isdigit():
    raise argparse.ArgumentTypeError(f"'{text}' is not HOST:PORT")
  return host.strip("[]"), int(port)


def speaks(protocol):
  """Whether this redis-py can be told to speak this version of the protocol."""
  return protocol == 2 or VERSION >= (5, 0)


def connect(options, number=0, repeats=True):
  """A client; one of a single server takes the address of that number.

  Without repeats it sends each request once: whether one that was not answered has been carried
  out is then known to nobody but the server, and the caller must count it as unknown.
  """
  settings = {
    "password": options.password,
    "socket_timeout": options.timeout,
    "socket_connect_timeout": options.timeout,
  }
  if VERSION >= (5, 0):
    settings["protocol"] = options.protocol
  if not repeats and VERSION >= (6, 0):
    settings["retry"] = Retry(NoBackoff(), 0)
  if options.cluster:
    nodes = [ClusterNode(host, port) for host, port in options.addresses]
    return RedisCluster(startup_nodes=nodes, **settings)
  host, port = options.addresses[number % len(options.addresses)]
  return redis.Redis(host=host, port=port, **settings)


def home(client, key):
  """A client of the one server that has a key."""
  if not isinstance(client, RedisCluster):
    return client
  return client.get_redis_connection(client.get_node_from_key(key))


def servers(client):
  """A client of each server that has keys of its own."""
  if not isinstance(client, RedisCluster):
    return [client]
  return [client.get_redis_connection(node) for node in client.get_primaries()]


def until(condition, seconds):
  """Waits until a condition holds; whether it did in time."""
  end = time.monotonic() + seconds
  while not condition():
    if time.monotonic() > end:
      return False
    time.sleep(0.02)
  return True
