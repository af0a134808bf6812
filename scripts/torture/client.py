"""A client of the port for Redis' clients that sends each request once and says what came of it."""

import socket
import time

# What the server answers when it has certainly not carried a request out.
REFUSALS = (b"MOVED ", b"CLUSTERDOWN ", b"TRYAGAIN ", b"READONLY ", b"OOM ", b"NOSPACE ")


class Lost(Exception):
  """The connection failed while a request was under way."""


class Refused(Exception):
  """The server did not do it, or nobody was there to be asked."""


class Answered(Exception):
  """An error that is no refusal."""


class Connection:
  """One connection; requests of bytes, replies as int, bytes, list or None."""

  def __init__(self, address, timeout):
    self.socket = socket.create_connection(address, timeout=timeout)
    self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    self.buffer = b""

  def close(self):
    self.socket.close()

  def ask(self, *arguments):
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
      content = argument.encode() if isinstance(argument, str) else argument
      parts.append(b"$%d\r\n%s\r\n" % (len(content), content))
    self.socket.sendall(b"".join(parts))
    return self.reply()

  def more(self):
    piece = self.socket.recv(1 << 18)
    if not piece:
      raise ConnectionResetError("the server hung up")
    self.buffer += piece

  def line(self):
    while (end := self.buffer.find(b"\r\n")) < 0:
      self.more()
    line, self.buffer = self.buffer[:end], self.buffer[end + 2 :]
    return line

  def reply(self):
    line = self.line()
    kind, text = line[:1], line[1:]
    if kind == b"+":
      return text
    if kind == b"-":
      if text.startswith(REFUSALS):
        raise Refused(text.decode())
      raise Answered(text.decode())
    if kind == b":":
      return int(text)
    length = int(text)
    if length < 0:
      return None
    if kind == b"*":
      return [self.reply() for _ in range(length)]
    pieces, missing = [self.buffer], length + 2 - len(self.buffer)
    while missing > 0:
      piece = self.socket.recv(min(missing, 1 << 18))
      if not piece:
        raise ConnectionResetError("the server hung up")
      pieces.append(piece)
      missing -= len(piece)
    whole = b"".join(pieces)
    self.buffer = whole[length + 2 :]
    return whole[:length]


class Client:
  """Asks whoever leads the group, and goes on to the next address when that one does not."""

  def __init__(self, addresses, timeout=3.0):
    self.addresses = list(addresses)
    self.timeout = timeout
    self.target = 0
    self.moved = None
    self.connection = None

  def close(self):
    if self.connection is not None:
      self.connection.close()
      self.connection = None

  def next(self):
    self.close()
    self.moved = None
    self.target = (self.target + 1) % len(self.addresses)

  def ask(self, *arguments):
    """Sends the request once. Raises Refused if it was not carried out, Lost and Answered if nobody
    knows; after each, the next request may go elsewhere."""
    if self.connection is None:
      try:
        address = self.moved or self.addresses[self.target]
        self.connection = Connection(address, self.timeout)
      except OSError as error:
        self.next()
        raise Refused(f"nobody there: {error}") from None
    try:
      return self.connection.ask(*arguments)
    except OSError as error:
      self.next()
      raise Lost(str(error)) from None
    except Refused as error:
      words = str(error).split()
      if words[0] == "MOVED":
        self.close()
        host, _, port = words[2].rpartition(":")
        self.moved = (host, int(port))
      elif words[0] not in ("OOM", "NOSPACE"):
        self.next()
      raise
    except Answered:
      self.next()
      raise

  def read(self, *arguments, seconds=15.0):
    """Asks a question, which may be repeated, until it is answered."""
    end = time.monotonic() + seconds
    while True:
      try:
        return self.ask(*arguments)
      except (Refused, Lost, Answered) as error:
        if time.monotonic() >= end:
          raise Refused(f"no answer for {seconds} s, last: {error}") from None
        time.sleep(0.01)
