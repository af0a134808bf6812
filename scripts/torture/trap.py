#!/usr/bin/env python3
"""Runs a program and kills it on entry to one of its system calls: trap.py NUMBER REPORT COMMAND...

Counted are the calls of all threads that change a disk or send something. The call is not carried
out. Its name goes to the file REPORT, and the exit code is 99; otherwise it is that of the program,
or 128 and the number of a signal. strace would count each thread and each name apart.
"""

import ctypes
import os
import platform
import signal
import struct
import sys

# Linux on x86-64.
CALLS = {
  "pwrite64": 18, "write": 1, "fdatasync": 75, "fsync": 74, "rename": 82, "renameat": 264,
  "renameat2": 316, "unlinkat": 263, "ftruncate": 77, "fallocate": 285, "linkat": 265, "sendto": 44,
  "sendmsg": 46, "writev": 20, "pwritev": 296, "sync_file_range": 277,
}
NAMES = list(CALLS)
KILLED = 99
ARCHITECTURE = 0xC000003E
TRACEME, CONT, SETOPTIONS, GETEVENTMSG = 0, 7, 0x4200, 0x4201
# New threads, the filter's calls, and that nothing outlives the tracer.
OPTIONS = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 7 | 1 << 20
EVENT_SECCOMP = 7
ALL_THREADS = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def is_possible():
  return sys.platform == "linux" and platform.machine() == "x86_64"


def ptrace(request, process, data=0):
  if libc.ptrace(request, process, None, data) < 0 and ctypes.get_errno() != 3:
    raise OSError(ctypes.get_errno(), "ptrace")


def install_filter():
  """From now on the kernel tells the tracer of these calls, and of no others."""
  load, equal, end = 0x20, 0x15, 0x06
  allow, trace = 0x7FFF0000, 0x7FF00000
  steps = [(load, 0, 0, 4), (equal, 1, 0, ARCHITECTURE), (end, 0, 0, allow), (load, 0, 0, 0)]
  for place, name in enumerate(NAMES):
    steps += [(equal, 0, 1, CALLS[name]), (end, 0, 0, trace | place)]
  steps.append((end, 0, 0, allow))
  code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
  program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
  if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    raise OSError(ctypes.get_errno(), "prctl")


def start(command):
  """The program, stopped before it does anything."""
  process = os.fork()
  if process == 0:
    ptrace(TRACEME, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    install_filter()
    os.execv(command[0], command)
  os.waitpid(process, 0)
  ptrace(SETOPTIONS, process, OPTIONS)
  ptrace(CONT, process)
  return process


def follow(process, number, report):
  """Lets it run to its end, or to that call; the exit code."""
  count, seen = 0, {process}
  message = ctypes.c_ulong()
  while True:
    thread, status = os.waitpid(-1, ALL_THREADS)
    if not os.WIFSTOPPED(status):
      if thread != process:
        continue
      if os.WIFSIGNALED(status):
        return KILLED if count == number else 128 + os.WTERMSIG(status)
      return os.WEXITSTATUS(status)
    event, signal_number = status >> 16, os.WSTOPSIG(status)
    if event == EVENT_SECCOMP:
      count += 1
      if count == number:
        ptrace(GETEVENTMSG, thread, ctypes.addressof(message))
        with open(report, "w", encoding="ascii") as file:
          file.write(NAMES[message.value])
        os.kill(process, signal.SIGKILL)
    # A new thread begins with a stop of its own; the program is not to see those of the tracer.
    is_ours = event or signal_number == signal.SIGTRAP or thread not in seen
    seen.add(thread)
    ptrace(CONT, thread, 0 if is_ours else signal_number)


def main():
  process = start(sys.argv[3:])
  # Whoever ends the tracer is to find the program gone, too.
  signal.signal(signal.SIGTERM, lambda *_: os.kill(process, signal.SIGKILL))
  return follow(process, int(sys.argv[1]), sys.argv[2])


if __name__ == "__main__":
  sys.exit(main())
