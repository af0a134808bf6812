"""Power cuts: the image of a real ext4 as it is on the disk at a random moment becomes the disk.

Half of the cuts take one replica's disk, half all three at once. After that of one the group goes
on with that replica and one that heard nothing of late, so that what was acknowledged is there only
if it is on the disk that was cut.
"""

import random
import time

from disks import Disk, stop_writeback
from ledger import Writers
from nodes import QUICK, Cluster
from place import Wrong, need

OPTIONS = ("--snapshot-bytes", "262144", *QUICK)


class Town:
  """A group whose three disks are image files."""

  def __init__(self, place, base, seed, prefix=()):
    self.place, self.random, self.prefix = place, random.Random(seed), prefix
    stop_writeback(place)
    self.disks = [Disk(place, f"disk{number}", 192) for number in (1, 2, 3)]
    self.cluster = Cluster(place, base, 3, OPTIONS, homes=[disk.folder for disk in self.disks])
    self.cluster.begin()
    self.writers = Writers(
      self.cluster, count=4, size=400, timeout=1.0, keeps=False, seed=seed).start()

  def cut(self, places):
    """The power of these disks fails at one moment."""
    nodes = [self.cluster.nodes[place] for place in places]
    for node in nodes:
      node.stop()
    for place in places:
      self.disks[place].copy_as_cut()
    for node in nodes:
      node.kill()
    for place in places:
      self.disks[place].become_cut()

  def judge(self):
    self.writers.wait_acks(3, 20)
    self.writers.rest()
    self.writers.judge()
    self.writers.go_on()

  def cut_all(self):
    time.sleep(self.random.random() * 0.6)
    self.cut([0, 1, 2])
    for node in self.cluster.nodes:
      node.start_surely()
    self.judge()

  def cut_one(self):
    victim, deaf, other = self.random.sample(range(3), 3)
    nodes = self.cluster.nodes
    nodes[deaf].stop()
    time.sleep(self.random.random() * 0.6)
    self.cut([victim])
    nodes[other].kill()
    nodes[deaf].go_on()
    nodes[victim].start_surely()
    self.judge()
    nodes[other].start_surely()


def work(place, count, base):
  need("losetup", "mkfs.ext4", "mount", root=True)
  town = Town(place, base, seed=count)
  cuts = {"cut_one": 0, "cut_all": 0}
  for number in range(1, count + 1):
    kind = "cut_one" if number % 2 else "cut_all"
    try:
      getattr(town, kind)()
    except Wrong as error:
      raise Wrong(f"{error} (power cut {number}, {kind})") from None
    cuts[kind] += 1
    place.progress(number, count)
  return (f"{cuts['cut_one']} power cuts of one replica's disk, {cuts['cut_all']} of all; "
          f"{town.writers.end()}")
