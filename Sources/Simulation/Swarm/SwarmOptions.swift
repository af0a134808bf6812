import Basics
import Sessions
import ShardKV
import ShardKVServer
import ShardMap

/// What one seed's run is like. Every seed draws its own mixture, and most leave most faults out:
/// what never happens in a run gives room to what happens often (swarm testing, Groce et al. 2012).
package struct SwarmOptions: Sendable {
  package var seed: UInt64
  /// Virtual seconds of the whole run.
  package var seconds: Int
  package var bugs: PlantedBugs

  package var controllers = 3
  /// Replicas of each group.
  package var groups: [Int] = []
  package var shardCount = 10
  package var mapping = ShardLayout.Mapping.slots
  package var clients = 4
  package var keys = 5
  /// Milliseconds between two operations of a client.
  package var thinkTime = 5...50
  package var valueBytes = 1...20

  package var conditions = NetworkConditions()
  /// Mean milliseconds between two of a kind; 0: never.
  package var crashPause = 0
  package var powerCutShare = 0.5
  package var massCrashPause = 0
  /// The chance that a leader is crashed or cut off within milliseconds of its election.
  package var strikeChance = 0.0
  /// Milliseconds that a dead process stays dead.
  package var downTime = 100...3_000
  package var partitionPause = 0
  package var partitionTime = 200...5_000
  package var oneWayShare = 0.0
  package var stopPause = 0
  package var stopTime = 50...4_000
  package var clockStepPause = 0
  /// Largest step of a wall clock in milliseconds.
  package var clockStep = 5_000
  package var driftPPM = 0
  package var syncStallPause = 0
  package var syncFailurePause = 0
  package var fullDiskPause = 0
  /// Milliseconds that a disk stays full.
  package var fullDiskTime = 200...5_000
  package var backgroundStallPause = 0
  package var damagePause = 0
  /// Between two random graphs of open and closed ways.
  package var graphPause = 0
  package var flapPause = 0
  /// Before everything heals only a core of each group does, and must go on alone.
  package var healsCore = false
  package var sync = 100_000...1_000_000

  package var snapshotBytes: UInt64 = 64 << 10
  package var segmentBytes = 64 << 10
  /// Small ones make logs that agree only in part: one entry a message.
  package var appendBytesMax = 1 << 20
  /// Mean milliseconds between two changes of the configuration.
  package var controlPause = 0

  /// Leaders answer reads under a lease. Only in clusters whose clocks run apart by no more than
  /// the bound that they are told.
  package var leaseReads = false
  package var clockDriftPercentMax = 25
  /// Clients that read from any replica, the first of all.
  package var anywhereClients = 0
  /// Clients that leave a silent node after ``impatience`` milliseconds, the last of all, so that
  /// they are with a new leader while others still are with the old one.
  package var impatientClients = 0
  package var impatience = 100
  /// A process that was stopped finds its mail in two parts.
  package var splitsMail = false
  /// Tiny ones make many sections and chunks of the little that there is.
  package var sectionBytes = 1 << 20
  package var pieceBytes = MachineLimits().pieceBytesMin
  /// Entries kept behind a snapshot.
  package var retainedEntries = 16
  /// Tiny tables, and sessions that are soon forgotten.
  package var sessionsMax = SessionLimits().sessionsMax
  package var sessionIdleMilliseconds = SessionLimits().idleMilliseconds
  /// A session may be gone before its writes are done: it is one of too many, or unused for too
  /// long by clocks of which several are wrong, or were until now.
  package var forgetsSessions: Bool {
    sessionsMax != SessionLimits().sessionsMax
      || sessionIdleMilliseconds != SessionLimits().idleMilliseconds
      || (clockStepPause > 0 || driftPPM > 0) && 2 * clockStep >= Int(sessionIdleMilliseconds)
  }
  /// One shard is moved to and fro.
  package var movesOneShard = false
  /// In the end a whole group is down while others go on.
  package var losesGroup = false

  /// The chance that whoever stands for election is crashed or cut off within milliseconds.
  package var candidateStrikeChance = 0.0
  /// Clients that wait for a silent node for ``patience`` milliseconds, the first of all: so long
  /// that its group has another leader and new entries meanwhile.
  package var patientClients = 0
  package var patience = 3_000
  /// The clocks of leaders run as slowly as they may, and those of others as fast.
  package var slowsLeaders = false
  /// Mean milliseconds between two changes of a second administrator, who thinks about each for
  /// as long, and makes it for the configuration that it saw.
  package var rivalPause = 0

  /// Operators send two thoughtless commands at once.
  package var doublesBlunders = false

  /// Replicas come, go, are replaced, and hand over; folders have ids.
  package var changesMembers = false
  /// People who do that at the same time, and the mean milliseconds between two doings of each.
  package var operators = 0
  package var memberPause = 0
  /// The chance that a change of replicas is given up half-way; somebody may go on with it.
  package var interruption = 0.0
  /// The chance that a leader is crashed or cut off when it has just begun a change.
  package var memberStrikeChance = 0.0
  /// Entries that a learner may lack to be promoted.
  package var promotionLagMax: UInt64 = 4_096
  /// Between two processes that are asked to stop, as by SIGTERM.
  package var drainPause = 0
  /// Between two folders that are lost.
  package var wipePause = 0
  /// Between two disks that turn out to have put a write at a wrong place.
  package var misdirectPause = 0

  /// The journal is written and synced in a thread.
  package var syncsInThread = false
  /// Nanoseconds of one step beside the journal.
  package var background = 20_000...1_000_000
  /// The part of the power cuts during a sync that come while the background writes instead.
  package var backgroundCutShare = 0.0
  /// Two snapshots are kept however large the folder is.
  package var keepsTwoSnapshots = false
  /// Milliseconds between two times that a process reads its files back; 0: never.
  package var scrubPause = 0
  package var receivedSectionsMax = NodeSettings().receivedSectionsMax

  package init(seed: UInt64, seconds: Int = 60, bugs: PlantedBugs = []) {
    self.seed = seed
    self.seconds = seconds
    self.bugs = bugs
    var generator = SeededGenerator(seed: seed)
    drawCluster(&generator)
    drawNetwork(&generator)
    drawFaults(&generator)
    drawReads(&generator)
    drawMembers(&generator)
    drawExtremes(&generator)
    drawStrains(&generator)
    drawThreads(&generator)
  }

  private mutating func drawThreads(_ generator: inout SeededGenerator) {
    syncsInThread = generator.chance(0.5)
    background =
      [1_000...10_000, 20_000...1_000_000, 1_000_000...20_000_000][generator.next(in: 0..<3)]
    backgroundCutShare = generator.chance(0.5) ? 0.5 : 0
    keepsTwoSnapshots = generator.chance(0.5)
    if generator.chance(0.3) { receivedSectionsMax = 1 }
    scrubPause = generator.chance(0.5) ? [500, 2_000, 10_000][generator.next(in: 0..<3)] : 0
  }

  private mutating func drawStrains(_ generator: inout SeededGenerator) {
    candidateStrikeChance = generator.chance(0.3) ? 0.4 : 0
    patientClients = generator.chance(0.4) ? generator.next(in: 1...clients) : 0
    rivalPause =
      controlPause > 0 && generator.chance(0.5) ? generator.next(in: 100...1_000) : 0
    doublesBlunders = generator.chance(0.5)
    if generator.chance(0.1) {
      // Snapshots of many sections, which take longer to be sent than the log takes to go on.
      (pieceBytes, sectionBytes, retainedEntries) = (512, 1_100, 4)
      (snapshotBytes, clients, keys, valueBytes) = (1 << 10, 5, 12, 1...2_000)
      thinkTime = 2...6
      conditions.latency = 1_000_000...4_000_000
      sync = 1_000_000...20_000_000
      crashPause = generator.next(in: 1_000...3_000)
    } else if generator.chance(0.1) {
      // Leases that end just in time, if they do.
      (driftPPM, slowsLeaders) = (200_000, true)
      clockDriftPercentMax = driftPercent
      (leaseReads, splitsMail) = (true, true)
      partitionPause = generator.next(in: 1_000...2_000)
      partitionTime = 600...2_000
      stopPause = generator.next(in: 500...2_000)
      stopTime = 400...900
    }
  }

  private mutating func drawExtremes(_ generator: inout SeededGenerator) {
    if generator.chance(0.3) {
      pieceBytes = 512
      (sectionBytes, retainedEntries) = [(1_100, 4), (2 << 10, 16)][generator.next(in: 0..<2)]
    }
    if generator.chance(0.3) {
      sessionsMax = generator.next(in: 1...4)
      if generator.chance(0.5) {
        sessionsMax = SessionLimits().sessionsMax
        sessionIdleMilliseconds = UInt64(generator.next(in: 300...3_000))
      }
    }
    movesOneShard = controlPause > 0 && generator.chance(0.3)
    losesGroup = groups.count > 2 && generator.chance(0.7)
  }

  private mutating func drawCluster(_ generator: inout SeededGenerator) {
    controllers = generator.chance(0.15) ? 1 : 3
    groups = (0..<generator.next(in: 1...3)).map { _ in
      [3, 3, 3, 3, 1, 5][generator.next(in: 0..<6)]
    }
    shardCount = [1, 2, 4, 10, 16][generator.next(in: 0..<5)]
    mapping = generator.chance(0.3) ? .firstByte : .slots
    clients = generator.next(in: 2...5)
    keys = generator.next(in: 2...8)
    let pause = [2, 10, 30, 100][generator.next(in: 0..<4)]
    appendBytesMax = [1, 200, 1 << 20][generator.next(in: 0..<3)]
    thinkTime = pause...(3 * pause)
    valueBytes = generator.chance(0.2) ? 1...2_000 : 1...20
    snapshotBytes = [1 << 10, 4 << 10, 16 << 10, 256 << 10][generator.next(in: 0..<4)]
    segmentBytes = [4 << 10, 16 << 10, 64 << 10, 256 << 10][generator.next(in: 0..<4)]
    if groups.count > 1, generator.chance(0.8) {
      controlPause = [300, 1_000, 3_000, 8_000][generator.next(in: 0..<4)]
    }
  }

  private mutating func drawNetwork(_ generator: inout SeededGenerator) {
    conditions.latency =
      [
        50_000...200_000, 100_000...1_000_000, 500_000...5_000_000, 100_000...30_000_000,
      ][generator.next(in: 0..<4)]
    func rate(_ generator: inout SeededGenerator, _ most: Double) -> Double {
      guard generator.chance(0.5) else { return 0 }
      return most * Double(generator.next(in: 1...100)) / 100
    }
    conditions.loss = rate(&generator, 0.3)
    conditions.duplication = rate(&generator, 0.5)
    conditions.holding = rate(&generator, 0.3)
    conditions.holdTime = 1_000_000...[20, 200, 2_000][generator.next(in: 0..<3)] * 1_000_000
    conditions.breaking = rate(&generator, 0.01)
    conditions.corruption = generator.chance(0.3) ? rate(&generator, 0.003) : 0
    conditions.splitting = [0, 0.02, 0.3][generator.next(in: 0..<3)]
    conditions.cutStyle = NetworkConditions.CutStyle.allCases[generator.next(in: 0..<3)]
  }

  private mutating func drawMembers(_ generator: inout SeededGenerator) {
    func pause(_ generator: inout SeededGenerator, _ chance: Double, _ range: ClosedRange<Int>)
      -> Int
    {
      generator.chance(chance) ? generator.next(in: range) : 0
    }
    misdirectPause = pause(&generator, 0.2, 5_000...20_000)
    changesMembers = generator.chance(0.5)
    guard changesMembers else { return }
    operators = generator.next(in: 1...3)
    memberPause = [500, 2_000, 5_000][generator.next(in: 0..<3)]
    interruption = generator.chance(0.6) ? 0.4 : 0
    memberStrikeChance = generator.chance(0.4) ? 0.4 : 0
    promotionLagMax = [4, 50, 4_096][generator.next(in: 0..<3)]
    drainPause = pause(&generator, 0.4, 2_000...10_000)
    wipePause = pause(&generator, 0.5, 3_000...15_000)
  }

  private mutating func drawFaults(_ generator: inout SeededGenerator) {
    func pause(_ generator: inout SeededGenerator, _ chance: Double, _ range: ClosedRange<Int>)
      -> Int
    {
      generator.chance(chance) ? generator.next(in: range) : 0
    }
    crashPause = pause(&generator, 0.6, 500...10_000)
    powerCutShare = [0, 0.5, 1][generator.next(in: 0..<3)]
    massCrashPause = pause(&generator, 0.3, 5_000...20_000)
    strikeChance = generator.chance(0.3) ? 0.6 : 0
    partitionPause = pause(&generator, 0.6, 1_000...10_000)
    oneWayShare = [0, 0.3, 1][generator.next(in: 0..<3)]
    stopPause = pause(&generator, 0.4, 1_000...10_000)
    clockStepPause = pause(&generator, 0.3, 1_000...10_000)
    clockStep = [200, 5_000, 3_600_000][generator.next(in: 0..<3)]
    driftPPM = generator.chance(0.4) ? [100, 50_000, 200_000][generator.next(in: 0..<3)] : 0
    syncStallPause = pause(&generator, 0.3, 1_000...10_000)
    syncFailurePause = pause(&generator, 0.2, 5_000...20_000)
    fullDiskPause = pause(&generator, 0.25, 3_000...15_000)
    backgroundStallPause = pause(&generator, 0.25, 500...5_000)
    damagePause = pause(&generator, 0.2, generator.chance(0.5) ? 500...3_000 : 5_000...30_000)
    graphPause = pause(&generator, 0.3, 1_000...10_000)
    flapPause = pause(&generator, 0.3, 1_000...10_000)
    healsCore = generator.chance(0.7)
    sync =
      [20_000...100_000, 100_000...1_000_000, 1_000_000...20_000_000][
        generator.next(in: 0..<3)]
  }
}

extension SwarmOptions {
  /// By how many percent the fastest clock can run faster than the slowest, rounded up.
  private var driftPercent: Int {
    let (slowest, spread) = (1_000_000 - driftPPM, 2 * driftPPM)
    return (100 * spread + slowest - 1) / slowest
  }

  private mutating func drawReads(_ generator: inout SeededGenerator) {
    // A bound that is hardly kept shows most.
    clockDriftPercentMax =
      generator.chance(0.8) ? driftPercent + generator.next(in: 0...5) : 25
    leaseReads = generator.chance(0.5) && driftPercent <= clockDriftPercentMax
    anywhereClients = generator.chance(0.5) ? generator.next(in: 1...clients) : 0
    impatientClients = generator.chance(0.6) ? generator.next(in: 1..<clients) : 0
    impatience = [30, 100, 300][generator.next(in: 0..<3)]
    splitsMail = generator.chance(0.5)
  }
}

extension SwarmOptions: CustomStringConvertible {
  /// All that was drawn, on one line.
  package var description: String {
    func every(_ name: String, _ pause: Int) -> String {
      pause == 0 ? "" : " \(name)=\(pause)ms"
    }
    let network = conditions
    return """
      controllers=\(controllers) groups=\(groups) shards=\(shardCount) clients=\(clients) \
      keys=\(keys) append=\(appendBytesMax)B snapshot=\(snapshotBytes)B segment=\(segmentBytes)B \
      latency=\(network.latency)ns loss=\(network.loss) duplication=\(network.duplication) \
      holding=\(network.holding) breaking=\(network.breaking) corruption=\(network.corruption) \
      splitting=\(network.splitting) cut=\(network.cutStyle)\(every("crash", crashPause))\
      \(every("massCrash", massCrashPause)) strike=\(strikeChance)\
      \(every("partition", partitionPause)) oneWay=\(oneWayShare)\
      \(every("stop", stopPause))\(every("clockStep", clockStepPause)) \
      drift=\(driftPPM)ppm\(every("syncStall", syncStallPause))\
      \(every("syncFailure", syncFailurePause))\(every("fullDisk", fullDiskPause))\
      \(every("backgroundStall", backgroundStallPause))\(every("damage", damagePause))\
      \(every("graph", graphPause))\(every("flap", flapPause))\
      \(every("control", controlPause)) core=\(healsCore) \
      lease=\(leaseReads ? "\(clockDriftPercentMax)%" : "no") anywhere=\(anywhereClients) \
      impatient=\(impatientClients)x\(impatience)ms splitMail=\(splitsMail)\
      \(every("misdirect", misdirectPause))\(members) \
      section=\(sectionBytes)B \
      piece=\(pieceBytes)B retained=\(retainedEntries) sessions=\(sessionsMax) \
      idle=\(sessionIdleMilliseconds)ms oneShard=\(movesOneShard) losesGroup=\(losesGroup) \
      candidateStrike=\(candidateStrikeChance) patient=\(patientClients) \
      slowLeaders=\(slowsLeaders) doubles=\(doublesBlunders)\(every("rival", rivalPause)) \
      sync=\(syncsInThread ? "thread" : "loop") background=\(background)ns \
      backgroundCuts=\(backgroundCutShare) twoSnapshots=\(keepsTwoSnapshots) \
      sectionsWaiting=\(receivedSectionsMax)\(every("scrub", scrubPause))
      """
  }

  private var members: String {
    guard changesMembers else { return "" }
    return " operators=\(operators) member=\(memberPause)ms interruption=\(interruption) "
      + "memberStrike=\(memberStrikeChance) lag=\(promotionLagMax) drain=\(drainPause)ms "
      + "wipe=\(wipePause)ms"
  }
}
