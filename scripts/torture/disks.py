"""Real ext4 file systems in files, which can be copied as a power cut leaves them, or be full."""

import os

from place import run

WRITEBACK = "/proc/sys/vm/dirty_writeback_centisecs"


class Disk:
  """A file system of so many MiB in a file of the part's folder, mounted beside it."""

  def __init__(self, place, name, mebibytes):
    self.place = place
    self.image = place.path(f"{name}.img")
    self.folder = place.path(name)
    os.mkdir(self.folder)
    with open(self.image, "wb") as file:
      file.truncate(mebibytes << 20)
    run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0", self.image)
    self.mount()

  def mount(self):
    # Nothing is written before it must be: no commit of the file system's journal but by a sync,
    # and no file's bytes because it is renamed. What was removed leaves the image, so that copies
    # are short.
    run("mount", "-o", "loop,noatime,discard,commit=3000,noauto_da_alloc", self.image, self.folder)
    self.place.at_end(self.unmount)

  def unmount(self):
    run("umount", self.folder)
    self.place.done(self.unmount)

  def copy_as_cut(self):
    """The image as it is on the disk just now: what is only in memory is not in it. Whoever writes
    to the file system must have been stopped."""
    run("cp", "--sparse=always", self.image, f"{self.image}.cut")

  def become_cut(self):
    """What the power cut left is the disk from now on."""
    self.unmount()
    os.replace(f"{self.image}.cut", self.image)
    self.mount()

  def free_bytes(self):
    found = os.statvfs(self.folder)
    return found.f_bavail * found.f_frsize


def stop_writeback(place):
  """Lets the kernel write nothing that nobody syncs, for as long as the part runs."""
  with open(WRITEBACK, encoding="ascii") as file:
    before = file.read().strip()

  def put(value):
    with open(WRITEBACK, "w", encoding="ascii") as file:
      file.write(value)

  put("0")
  place.at_end(lambda: put(before))
