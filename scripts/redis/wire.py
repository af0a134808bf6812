"""Connections that send any bytes, and show what comes back."""

import select
import socket
import struct
import time


def request(*arguments):
  """The bytes of a request."""
  parts = [b"*%d\r\n" % len(arguments)]
  for argument in arguments:
    content = argument if isinstance(argument, bytes) else str(argument).encode()
    parts.append(b"$%d\r\n%s\r\n" % (len(content), content))
  return b"".join(parts)


class Wire:
  def __init__(self, address, timeout=5):
    self.timeout = timeout
    self.socket = socket.create_connection(address, timeout=timeout)
    self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    self.is_closed = False

  def exchange(self, data, count=None, seconds=None):
    """Sends and receives at the same time, until so many bytes have come and all is sent; without
    a count until the other side hangs up. Gives what came."""
    self.socket.setblocking(False)
    end = time.monotonic() + (seconds or self.timeout)
    received, left = [], memoryview(data)
    length = 0
    while not self.is_closed and (left or count is None or length < count):
      wait = end - time.monotonic()
      if wait <= 0:
        break
      readable, writable, _ = select.select([self.socket], [self.socket] if left else [], [], wait)
      try:
        if readable:
          piece = self.socket.recv(1 << 16)
          self.is_closed = not piece
          received.append(piece)
          length += len(piece)
        elif writable:
          left = left[self.socket.send(left[: 1 << 16]) :]
      except (ConnectionResetError, BrokenPipeError):
        self.is_closed = True
    if self.is_closed:
      received += self.rest()
    return b"".join(received)

  def rest(self):
    """What came before the other side hung up; sending may have found that out first."""
    pieces = []
    try:
      while piece := self.socket.recv(1 << 16):
        pieces.append(piece)
    except OSError:
      pass
    return pieces

  def ask(self, *arguments):
    """The first line of the answer to a request."""
    answer = self.exchange(request(*arguments), 1)
    while not answer.endswith(b"\r\n") and not self.is_closed:
      answer += self.exchange(b"", 1)
    return answer.split(b"\r\n")[0]

  def is_silent(self, seconds):
    """Whether it is open, and nothing comes."""
    return self.exchange(b"", 1, seconds) == b"" and not self.is_closed

  def finish_sending(self):
    self.socket.shutdown(socket.SHUT_WR)

  def close(self):
    self.socket.close()

  def reset(self):
    """Hangs up without a goodbye."""
    self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    self.socket.close()


def resident_bytes(process):
  """Memory of a process that is not swapped out."""
  with open(f"/proc/{process}/statm", encoding="ascii") as file:
    return int(file.read().split()[1]) * 4096
