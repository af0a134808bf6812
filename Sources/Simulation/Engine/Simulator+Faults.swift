import Basics
import Journal
import ShardKVServer

/// What happens to processes and disks from outside.
extension Simulator {
  /// Asks the process to end, as SIGTERM does.
  package func terminate(_ host: SimulatedHost) {
    guard host.isUp else { return }
    trace("\(host.name) is asked to stop")
    host.inbox.append(.stop)
    scheduleTurn(host)
  }

  /// Flips a few bits of one of the files of a process that is down, or takes its end away. Only of
  /// one: what is kept twice is kept so that one of the two may be damaged.
  package func damage(_ host: SimulatedHost) {
    let names = host.disk.fileNames.filter { host.disk.contents(of: $0)?.isEmpty == false }
    guard !host.isUp, !names.isEmpty else { return }
    noteDamage(host)
    diskCounters.damages += 1
    let name = names[generator.next(in: 0..<names.count)]
    let count = host.disk.contents(of: name)?.count ?? 0
    if generator.chance(0.2) {
      host.disk.cutOff(name, at: generator.next(in: 0..<count))
      diskCounters.cutOffFiles += 1
      return
    }
    let flips = generator.next(in: 1...4)
    diskCounters.flippedBits += flips
    for _ in 0..<flips {
      host.disk.flipBit(of: name, at: generator.next(in: 0..<8 * count))
    }
  }

  /// Leaves a disk with so many bytes beyond what its files have, or `nil`: with all that it may
  /// want. Its process sees it a little later, if it does nothing meanwhile.
  package func leaveRoom(_ bytes: Int?, on host: SimulatedHost) {
    trace("\(host.name) has \(bytes.map { "\($0) bytes" } ?? "plenty of room") left on its disk")
    host.disk.capacity = bytes.map { host.disk.totalBytes + $0 }
    after(100 * nanosecondsPerMillisecond) { [unowned self] in wake(host) }
  }

  /// The disk takes in a part of what it has no room for.
  func writePart(of effect: FileEffect, on host: SimulatedHost) {
    guard case .write(_, _, let bytes) = effect else { return }
    host.disk.writePart(of: effect, bytes: generator.next(in: 0...bytes.count))
  }

  /// The thread of the journal waits for room.
  func awaitRoom(_ host: SimulatedHost, _ batch: FileBatch, at position: Int) {
    guard let rest = batch.rest(withoutRoomAt: position) else {
      // An entry that is larger than a segment.
      _ = execute(batch.effects[position], on: host)
      return
    }
    writePart(of: batch.effects[position], on: host)
    diskCounters.waitsForRoom += 1
    trace("\(host.name) waits for room on its disk")
    host.sync = rest
    endSync(of: host, at: now + FileBatch.pauseNanoseconds)
  }

  private func noteDamage(_ host: SimulatedHost) {
    host.isDamaged = true
    host.doubtsBeforeDamage = host.doubts
  }

  /// A folder was lost.
  package func noteWipe() { diskCounters.wipes += 1 }

  /// A write that was synced turns out to have landed at another place. Only of a process that is
  /// down, whose disk remembers writes.
  /// - Returns: whether there was one that the disk could tell.
  package func misdirectWrite(of host: SimulatedHost) -> Bool {
    guard !host.isUp, let place = host.disk.misdirectWrite(&generator) else { return false }
    noteDamage(host)
    diskCounters.misdirected += 1
    trace("\(host.name): \(place)")
    return true
  }

  /// A replica's state is another than that of its group, which only a flipped bit explains: it
  /// gives up what it has and starts again.
  func rebuild(_ host: SimulatedHost, _ reason: String) {
    guard host.hasFlippedBit else { return fail(.wrongResult, "\(host.name): \(reason)") }
    host.hasFlippedBit = false
    noteDamage(host)
    rebuilds += 1
    do {
      for effect in Journal.orderDiscard { try host.disk.execute(effect) }
    } catch {
      return fail(.wrongResult, "\(host.name) cannot give up its folder: \(error)")
    }
    crash(host, losesUnsynced: false, silently: false)
    start(host)
  }

  /// Ends the process, and somebody starts it again within a second.
  func restartLater(_ host: SimulatedHost) {
    crash(host, losesUnsynced: false, silently: false)
    after(UInt64(generator.next(in: 0...1_000)) * nanosecondsPerMillisecond) { [unowned self] in
      start(host)
    }
  }

  /// A process on a damaged disk has everything that it ever acknowledged, and is held to it from
  /// now on.
  func noteRepaired(_ host: SimulatedHost) {
    host.isDamaged = false
    if host.doubts > host.doubtsBeforeDamage {
      diskCounters.repairs += 1
      trace("\(host.name) has back what its disk lost")
    } else {
      diskCounters.harmless += 1
    }
  }
}
