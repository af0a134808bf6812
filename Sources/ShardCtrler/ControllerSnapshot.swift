import Basics
import Sessions
import ShardMap

/// The kinds of section, in the order in which they come.
private enum SectionKind: UInt8 {
  case header = 0
  case directory = 1
  case history = 2
  case sessions = 3
}

private let snapshotVersion: UInt8 = 2

/// Items are added to a section until it has so many bytes; no item is near the rest of a mebibyte.
private let sectionBytes = 512 << 10

extension ControllerMachine {
  /// The state of now, to be written section by section later. O(1).
  package func capture() -> Capture { Capture(machine: self) }

  /// Raised when equal states come to be other pieces than before.
  package static let piecesFormat = 1

  /// The state of now in pieces that are the same on every replica, to be hashed. O(1).
  package func pieces() -> Pieces { Pieces(machine: self, sections: capture()) }

  /// Gives a captured state piece by piece; all of it is part 0. The newest configuration is there
  /// twice, because it is served from memory of its own and not from the history.
  package struct Pieces: Sendable {
    private let machine: ControllerMachine
    private var sections: Capture
    private var isBegun = false

    fileprivate init(machine: ControllerMachine, sections: Capture) {
      self.machine = machine
      self.sections = sections
    }

    /// The next piece; `nil` after the last.
    package mutating func nextPiece() -> (part: Int, bytes: [UInt8])? {
      if isBegun { return sections.nextSection().map { (0, $0) } }
      isBegun = true
      var writer = ByteWriter()
      writer.configuration(machine.current)
      return (0, writer.bytes)
    }
  }

  /// Gives a captured state in sections of at most 1 MiB, the same bytes on every replica.
  package struct Capture: Sendable {
    private let machine: ControllerMachine
    private var kind: SectionKind? = .header
    /// The first item of the next section of this kind.
    private var item = 0

    fileprivate init(machine: ControllerMachine) { self.machine = machine }

    /// Puts the next section in the place of what `section` holds; false after the last.
    package mutating func nextSection(into section: inout [UInt8]) -> Bool {
      guard let next = nextSection() else { return false }
      section = next
      return true
    }

    /// The next section; `nil` after the last.
    package mutating func nextSection() -> [UInt8]? {
      while let kind {
        if kind == .header {
          self.kind = .directory
          return header()
        }
        let count = itemCount(of: kind)
        guard item < count else {
          self.kind = SectionKind(rawValue: kind.rawValue + 1)
          item = 0
          continue
        }
        var writer = ByteWriter()
        writer.u8(kind.rawValue)
        while item < count, writer.count < sectionBytes {
          write(item, of: kind, into: &writer)
          item += 1
        }
        return writer.bytes
      }
      return nil
    }

    private func header() -> [UInt8] {
      var writer = ByteWriter()
      writer.u8(SectionKind.header.rawValue)
      writer.u8(snapshotVersion)
      writer.shardLayout(machine.current.layout)
      writer.varint(machine.clock)
      writer.u64(machine.history.digest)
      writer.varint(machine.sessions.floor)
      for kind in [SectionKind.directory, .history, .sessions] {
        writer.varint(itemCount(of: kind))
      }
      return writer.bytes
    }

    private func itemCount(of kind: SectionKind) -> Int {
      switch kind {
      case .header: 1
      case .directory: machine.directory.known.count
      case .history: machine.history.blocks.count
      case .sessions: machine.sessions.count
      }
    }

    private func write(_ item: Int, of kind: SectionKind, into writer: inout ByteWriter) {
      switch kind {
      case .header: break
      case .directory: writer.known(machine.directory.known[item])
      case .history: writer.block(machine.history.blocks[item])
      case .sessions: machine.sessions.encodeSession(at: item, into: &writer)
      }
    }
  }

  /// Builds a machine from the sections of a snapshot, in their order. Bytes are not trusted.
  package struct Restorer: Sendable {
    private struct Header {
      var clock: UInt64
      var digest: UInt64
      var directoryCount: Int
      var blockCount: Int
      var sessionCount: Int
    }

    private let layout: ShardLayout
    private var header: Header?
    private var kind = SectionKind.header
    private var directory = GroupDirectory()
    private var blocks: [ConfigurationHistory.Block] = []
    private var sessions = SessionTable()

    /// Accepts only snapshots of a machine with this layout.
    package init(layout: ShardLayout) { self.layout = layout }

    /// The layout that the first section of a snapshot is of, for who has nothing but the snapshot.
    package static func layout(ofFirst section: [UInt8]) throws(ByteError) -> ShardLayout {
      var reader = ByteReader(section)
      guard try reader.u8("kind of section") == SectionKind.header.rawValue,
        try reader.u8("version of the snapshot") == snapshotVersion
      else { throw .malformed(field: "head of the snapshot", offset: reader.offset) }
      return try reader.shardLayout("layout")
    }

    package mutating func consume(_ section: [UInt8]) throws(ByteError) {
      var reader = ByteReader(section)
      guard let kind = SectionKind(rawValue: try reader.u8("kind of section")),
        kind.rawValue >= self.kind.rawValue, (kind == .header) == (header == nil)
      else { throw .malformed(field: "kind of section", offset: 0) }
      self.kind = kind
      if kind == .header {
        header = try readHeader(&reader)
      } else {
        while !reader.isAtEnd { try readItem(of: kind, &reader) }
      }
      try reader.finish("section")
    }

    package func finish() throws(ByteError) -> ControllerMachine {
      guard let header, directory.known.count == header.directoryCount,
        blocks.count == header.blockCount, sessions.count == header.sessionCount
      else { throw .truncated(field: "sections of the controller's snapshot", offset: 0) }
      let history = ConfigurationHistory(layout: layout, blocks: blocks, digest: header.digest)
      let newest = try history.replayed()
      guard directory.hasAll(newest.groups), directory.hasAll(newest.departed) else {
        throw .malformed(field: "group of the newest configuration", offset: 0)
      }
      return ControllerMachine(
        clock: header.clock, sessions: sessions, directory: directory, history: history,
        newest: newest)
    }

    private mutating func readHeader(_ reader: inout ByteReader) throws(ByteError) -> Header {
      guard try reader.u8("version of the snapshot") == snapshotVersion,
        try reader.shardLayout("layout") == layout
      else { throw .malformed(field: "version or layout of the snapshot", offset: reader.offset) }
      let clock = try reader.varint("clock")
      let digest = try reader.u64("digest")
      sessions.raiseFloor(to: try reader.varint("session floor"))
      guard sessions.floor < UInt64.max else {
        throw .malformed(field: "session floor", offset: reader.offset)
      }
      return Header(
        clock: clock, digest: digest,
        directoryCount: try reader.count("number of groups"),
        blockCount: try reader.count("number of blocks"),
        sessionCount: try reader.count("number of sessions"))
    }

    private mutating func readItem(
      of kind: SectionKind, _ reader: inout ByteReader
    ) throws(ByteError) {
      switch kind {
      case .header: break
      case .directory:
        guard directory.restore(try reader.known()) else {
          throw .malformed(field: "order of groups", offset: reader.offset)
        }
      case .history: blocks.append(try reader.block())
      case .sessions: try sessions.decodeSession(from: &reader)
      }
    }
  }
}

extension ByteWriter {
  mutating func known(_ known: GroupDirectory.Known) {
    groupID(known.group)
    groupRecord(known.record)
    u8(known.isNewest ? 1 : 0)
    u8(known.lastNamed == nil ? 0 : 1)
    if let number = known.lastNamed { configNumber(number) }
  }

  fileprivate mutating func block(_ block: ConfigurationHistory.Block) {
    configNumber(block.first)
    varint(block.count)
    varint(block.wholeBytes)
    blob(block.bytes)
  }
}

extension ByteReader {
  fileprivate mutating func known() throws(ByteError) -> GroupDirectory.Known {
    GroupDirectory.Known(
      group: try groupID("group"), record: try groupRecord(),
      isNewest: try u8("newest") == 1,
      lastNamed: try u8("named") == 1 ? try configNumber("last named") : nil)
  }

  fileprivate mutating func block() throws(ByteError) -> ConfigurationHistory.Block {
    ConfigurationHistory.Block(
      first: try configNumber("first configuration"),
      count: try count("number of configurations", limit: ConfigurationHistory.kept),
      wholeBytes: try count("length of the whole configuration"), bytes: try blob("block"))
  }
}
