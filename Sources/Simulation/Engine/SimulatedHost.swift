import Basics
import Journal
import ShardKVServer
import Wire

/// A machine of the simulation: a process, its disk, its clocks and what waits for its next turn.
package final class SimulatedHost {
  package let index: Int
  package let name: String
  /// Where it listens; `nil` for clients.
  package let address: String?
  /// Starts a process from what is on the disk, `nil` for hosts that never restart.
  let boot: ((SimulatedHost, Moment) throws -> any SimulatedProcess)?

  @exclusivity(unchecked) package var disk = SimulatedDisk()
  @exclusivity(unchecked) package var clock = HostClock()
  /// `nil` while the process is dead.
  @exclusivity(unchecked) package internal(set) var process: (any SimulatedProcess)?
  /// Counts processes of this host, so that what was meant for an old one does not reach a new one.
  @exclusivity(unchecked) package internal(set) var incarnation = 0
  /// Stopped as by SIGSTOP: inputs wait, clocks go on.
  @exclusivity(unchecked) package internal(set) var isPaused = false
  /// What its process was told of its disk last; `nil`: nothing.
  @exclusivity(unchecked) var toldSpace: DiskSpace?
  /// The next sync takes at least so many nanoseconds.
  package var syncStall = 0
  /// When the last sync ends that was held up like that.
  @exclusivity(unchecked) package internal(set) var stallEnds: UInt64 = 0
  /// The next sync fails, and with it the process.
  package var failsNextSync = false

  /// The power is cut while the next sync is under way.
  package var losesPowerInNextSync = false
  /// The next step of the background takes at least so many nanoseconds.
  package var backgroundStall = 0
  /// The power is cut while the next step of the background is under way.
  package var losesPowerInBackground = false
  /// Its disk changed by itself, and what it lacks was not given back yet.
  package internal(set) var isDamaged = false
  /// A bit of its memory changed by itself: its replica may find that out, and nobody else may.
  package var hasFlippedBit = false
  /// How often its replica was in doubt, as it showed last, and when its disk was damaged.
  @exclusivity(unchecked) var doubts: UInt64 = 0
  var doubtsBeforeDamage: UInt64 = 0
  /// It found the damage and stays down for good.
  package internal(set) var isGivenUp = false
  /// Its folder was lost: whatever runs here has forgotten what its replica promised.
  package internal(set) var isWiped = false
  /// Folders that this host has had before this one.
  @exclusivity(unchecked) package internal(set) var folder = 0
  /// Nobody starts it any more, or ever did.
  package var isRetired = false
  /// Why its process ended itself, if its group did not know its folder.
  package internal(set) var dismissal: String?

  @exclusivity(unchecked) var inbox: [NodeInput] = []
  @exclusivity(unchecked) var isTurnScheduled = false
  /// The next turn gets only a part of what waits.
  @exclusivity(unchecked) var isMailSplit = false
  /// The virtual time of the timer event that counts.
  @exclusivity(unchecked) var timerAt: UInt64?
  /// No turn begins before: the one before, or its sync, still runs.
  @exclusivity(unchecked) var busyUntil: UInt64 = 0
  /// What the journal's sync will do, and what is written with it if it is in a thread.
  @exclusivity(unchecked) var sync: FileBatch?
  /// The other thread of a node.
  @exclusivity(unchecked) var background = SimulatedBackground()
  /// The virtual second of the last turn, and the turns in it.
  @exclusivity(unchecked) var turnSecond: UInt64 = 0
  @exclusivity(unchecked) var turnsInSecond = 0

  init(
    index: Int, name: String, address: String?,
    boot: ((SimulatedHost, Moment) throws -> any SimulatedProcess)?
  ) {
    self.index = index
    self.name = name
    self.address = address
    self.boot = boot
  }

  package var isUp: Bool { process != nil }

  /// What its replica promised is still there, as far as its disk can tell.
  package var isIntact: Bool { !isWiped && !isGivenUp && !isRetired }

  /// What the next turn begins with: all that waits, or, where the mail is split, what came over
  /// some of the connections, as for a loop that reads what it finds first.
  func takeMail(_ generator: inout SeededGenerator) -> [NodeInput] {
    var later: [NodeInput] = []
    var now: [NodeInput] = []
    if isMailSplit {
      isMailSplit = false
      var isChosen: [ConnectionID: Bool] = [:]
      for input in inbox {
        guard case .link(let link) = input else {
          now.append(input)
          continue
        }
        let isNow = isChosen[link.connection] ?? generator.chance(0.5)
        isChosen[link.connection] = isNow
        if isNow { now.append(input) } else { later.append(input) }
      }
    } else {
      swap(&now, &inbox)
    }
    inbox = later
    if let space = newSpace() { now.insert(.diskSpace(space), at: 0) }
    return now
  }

  /// What the process is to be told of its disk; `nil`: it knows.
  private func newSpace() -> DiskSpace? {
    guard disk.capacity != nil || toldSpace != nil else { return nil }
    let space = disk.space ?? DiskSpace(free: .max, total: .max)
    guard space != toldSpace else { return nil }
    toldSpace = space
    return space
  }
}
