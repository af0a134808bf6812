import Basics
import Sessions
import ShardMap

// A snapshot is a sequence of sections; a section is its version, its number, and records, each
// after a tag. It has nothing in it that differs between replicas at the same entry of the log.

enum SnapshotTag: UInt8 {
  /// The clock and the configuration; the first record.
  case head = 1
  /// What is known of a shard besides its content.
  case shard = 2
  /// A piece of the content of the shard before.
  case piece = 3
  /// The last record.
  case end = 4
}

enum SnapshotFormat {
  static let version: UInt8 = 3
}

extension ShardGroupMachine {
  /// The state as it is now, to be written while the machine goes on. O(1).
  package func capture() -> Capture {
    var machine = self
    machine.discarded = []
    return Capture(machine: machine)
  }

  /// A hash of the state, equal for equal states however they came about.
  package func stateHash() -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    var capture = capture()
    while let section = capture.nextSection() {
      for byte in section { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    }
    return hash
  }

  /// Writes a captured state piece by piece.
  package struct Capture: Sendable {
    /// Without the shards that have been written: what changed since the capture is then free.
    private var machine: ShardGroupMachine
    private var sectionNumber = 0
    private var shard = 0
    /// Where the current shard goes on; `nil`: it has not been begun.
    private var position: ShardPosition?
    private var isDone = false

    /// Room for a whole section where the content fills one, so that it need not grow.
    private let sectionCapacity: Int

    init(machine: ShardGroupMachine) {
      self.machine = machine
      let bytes = machine.shards.reduce(0) { $0 + $1.keys.map.bytes }
      sectionCapacity = min(bytes + bytes / 4 + 512, machine.limits.sectionBytesMax)
    }

    /// The next section; `nil` after the last.
    package mutating func nextSection() -> [UInt8]? {
      var section: [UInt8] = []
      return nextSection(into: &section) ? section : nil
    }

    /// Puts the next section in the place of what `section` holds, in the same memory; false after
    /// the last.
    package mutating func nextSection(into section: inout [UInt8]) -> Bool {
      guard !isDone else { return false }
      var writer = ByteWriter(inMemoryOf: &section, reserving: sectionCapacity)
      encodeSection(into: &writer)
      section = writer.bytes
      return true
    }

    private mutating func encodeSection(into writer: inout ByteWriter) {
      writer.u8(SnapshotFormat.version)
      writer.varint(sectionNumber)
      if sectionNumber == 0 { machine.encodeHead(into: &writer) }
      sectionNumber += 1
      while shard < machine.shards.count {
        guard writer.count + 2 * machine.limits.pieceBytesMin <= machine.limits.sectionBytesMax
        else { return }
        encodeShard(into: &writer)
      }
      writer.u8(SnapshotTag.end.rawValue)
      isDone = true
    }

    /// Writes the head of the current shard if it has not been, and one piece of it.
    private mutating func encodeShard(into writer: inout ByteWriter) {
      let state = machine.shards[shard]
      guard !state.isBlank else {
        shard += 1
        return
      }
      if position == nil { state.encodeHead(of: ShardID(shard), into: &writer) }
      writer.u8(SnapshotTag.piece.rawValue)
      let room = machine.limits.sectionBytesMax - writer.count - 16
      let next = state.encodePiece(
        from: position ?? .start, into: &writer, sizes: (room, machine.limits.pieceBytesMin),
        withSessions: !machine.bugs.contains(.snapshotWithoutSessions))
      if next == .end {
        machine.forget(shard)
        shard += 1
        position = nil
      } else {
        position = next
      }
    }
  }

  /// Lets go of the content of a shard that is not needed any more.
  mutating func forget(_ shard: Int) { shards[shard] = Shard(limits: limits.sessions) }

  func encodeHead(into writer: inout ByteWriter) {
    writer.u8(SnapshotTag.head.rawValue)
    writer.varint(clock)
    writer.compactConfiguration(configuration)
  }

  /// Makes a machine of the sections of a snapshot; nothing of an earlier state remains.
  package struct Restorer: Sendable {
    private var machine: ShardGroupMachine
    private var sectionNumber = 0
    private var hasHead = false
    private var hasEnd = false
    /// The shard of the last head: the next pieces are its.
    private var shard: Int?

    package init(
      group: GroupID, identity: GroupIdentity, layout: ShardLayout,
      limits: MachineLimits = MachineLimits(), bugs: PlantedBugs = []
    ) {
      machine = ShardGroupMachine(
        group: group, identity: identity, layout: layout, limits: limits, bugs: bugs)
    }

    /// The layout that the first section of a snapshot is of, for who has nothing but the snapshot.
    package static func layout(ofFirst section: [UInt8]) throws(ByteError) -> ShardLayout {
      var reader = ByteReader(section)
      guard try reader.u8("version of section") == SnapshotFormat.version,
        try reader.count("number of section") == 0,
        try reader.u8("tag of a record") == SnapshotTag.head.rawValue
      else { throw .malformed(field: "head of section", offset: reader.offset) }
      _ = try reader.varint("clock")
      _ = try reader.configNumber("configuration")
      return try reader.shardLayout("layout")
    }

    /// Reads the next section.
    package mutating func consume(_ section: [UInt8]) throws(ByteError) {
      var reader = ByteReader(section)
      guard try reader.u8("version of section") == SnapshotFormat.version,
        try reader.count("number of section") == sectionNumber, !hasEnd
      else {
        throw .malformed(field: "head of section", offset: reader.offset)
      }
      sectionNumber += 1
      while !reader.isAtEnd {
        let start = reader.offset
        let tag = SnapshotTag(rawValue: try reader.u8("tag of a record"))
        guard let tag, hasHead != (tag == .head), !hasEnd else {
          throw .malformed(field: "tag of a record", offset: start)
        }
        switch tag {
        case .head: try readHead(&reader)
        case .shard: try readShard(&reader)
        case .piece:
          guard let shard else { throw .malformed(field: "piece", offset: start) }
          try machine.shards[shard].addPiece(from: &reader)
        case .end:
          machine.findDeadlines()
          hasEnd = true
        }
      }
    }

    /// The machine, if all sections have been read.
    package func finish() throws(ByteError) -> ShardGroupMachine {
      guard hasEnd else { throw .truncated(field: "snapshot", offset: sectionNumber) }
      return machine
    }

    private mutating func readHead(_ reader: inout ByteReader) throws(ByteError) {
      machine.clock = try reader.varint("clock")
      let configuration = try reader.compactConfiguration()
      guard configuration.layout == machine.layout else {
        throw .malformed(field: "layout", offset: reader.offset)
      }
      machine.configuration = configuration
      hasHead = true
    }

    private mutating func readShard(_ reader: inout ByteReader) throws(ByteError) {
      let index = try reader.shardID("shard").index
      guard index < machine.shards.count, index > shard ?? -1 else {
        throw .malformed(field: "shard", offset: reader.offset)
      }
      guard let status = ShardStatus(rawValue: try reader.u8("status of a shard")) else {
        throw .malformed(field: "status of a shard", offset: reader.offset)
      }
      var state = Shard(limits: machine.limits.sessions)
      state.status = status
      state.left = try reader.configNumber("fence")
      state.source = try reader.groupID("source")
      state.leftClock = try reader.varint("clock of a hand-over")
      guard let position = ShardPosition(cursor: try reader.blob("cursor")) else {
        throw .malformed(field: "cursor", offset: reader.offset)
      }
      state.position = position
      machine.shards[index] = state
      shard = index
      if status == .pulling || status == .gcing { machine.arriving.append(ShardID(index)) }
    }
  }
}

extension Shard {
  /// Writes what is known of the shard besides its content.
  func encodeHead(of shard: ShardID, into writer: inout ByteWriter) {
    writer.u8(SnapshotTag.shard.rawValue)
    writer.shardID(shard)
    writer.u8(status.rawValue)
    writer.configNumber(left)
    writer.groupID(source)
    writer.varint(leftClock)
    writer.blob(position.cursor)
  }
}

extension ByteWriter {
  /// A configuration with runs of equal assignments written once: most clusters have many shards
  /// and few groups.
  mutating func compactConfiguration(_ configuration: Configuration) {
    configNumber(configuration.number)
    shardLayout(configuration.layout)
    var start = 0
    while start < configuration.shards.count {
      var end = start + 1
      while end < configuration.shards.count,
        configuration.shards[end] == configuration.shards[start]
      {
        end += 1
      }
      varint(end - start)
      shardAssignment(configuration.shards[start])
      start = end
    }
    members(of: configuration)
  }
}

extension ByteReader {
  mutating func compactConfiguration() throws(ByteError) -> Configuration {
    let number = try configNumber("configuration")
    let layout = try shardLayout("layout")
    var shards: [ShardAssignment] = []
    while shards.count < layout.shardCount {
      let run = try count("run of shards", limit: layout.shardCount - shards.count)
      guard run > 0 else { throw .malformed(field: "run of shards", offset: offset) }
      let assignment = try shardAssignment()
      shards.append(contentsOf: repeatElement(assignment, count: run))
    }
    return try members(number, layout, shards)
  }
}
