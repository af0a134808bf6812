import Basics
import Journal
import Raft
import ShardCtrler
import ShardKV
import ShardMap

/// The state in a snapshot, restored as a replica restores it.
package enum SnapshotContents: Sendable {
  case shards(Shards)
  case controllers(Controllers)

  /// Of a shard group.
  package struct Shards: Sendable {
    /// The configuration that the group was in.
    package var configuration: ConfigNumber
    /// The replicated clock, in milliseconds since 1970.
    package var clock: UInt64
    package var layout: ShardLayout
    /// Those that the group owns, or has something of.
    package var shards: [ShardSummary]
  }

  /// Of the controllers.
  package struct Controllers: Sendable {
    package var configuration: Configuration
    package var clock: UInt64
    /// Groups that registered, members or not.
    package var registeredCount: Int
  }

  /// Why a state cannot be restored, by the section.
  package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
    package var section: Int
    package var reason: String
    package var description: String { "section \(section): \(reason)" }
  }

  /// Restores the state of a snapshot all of whose sections are whole.
  package init(_ report: SnapshotReport, _ reader: FolderReader) throws(Problem) {
    let first = try Self.section(0, report, reader)
    do {
      if report.group == .none {
        let layout = try ControllerMachine.Restorer.layout(ofFirst: first)
        let machine = try Self.restore(
          ControllerMachine.Restorer(layout: layout), report, reader)
        self = .controllers(
          Controllers(
            configuration: machine.current, clock: machine.clock,
            registeredCount: machine.registeredCount))
      } else {
        let layout = try ShardGroupMachine.Restorer.layout(ofFirst: first)
        let machine = try Self.restore(
          ShardGroupMachine.Restorer(
            group: report.group, identity: report.groupIdentity, layout: layout), report, reader)
        self = .shards(
          Shards(
            configuration: machine.configuration.number, clock: machine.clock, layout: layout,
            shards: machine.report()))
      }
    } catch let problem as Problem {
      throw problem
    } catch {
      throw Problem(section: 0, reason: "\(error)")
    }
  }

  private static func section(
    _ number: Int, _ report: SnapshotReport, _ reader: FolderReader
  ) throws(Problem) -> [UInt8] {
    do {
      return try report.section(number, reader)
    } catch {
      throw Problem(section: number, reason: "\(error)")
    }
  }

  private static func restore<Restorer: SnapshotRestorer>(
    _ restorer: Restorer, _ report: SnapshotReport, _ reader: FolderReader
  ) throws(Problem) -> Restorer.Machine {
    var restorer = restorer
    for number in report.sectionBytes.indices {
      let section = try section(number, report, reader)
      do {
        try restorer.consume(section)
      } catch {
        throw Problem(section: number, reason: "\(error)")
      }
    }
    do {
      return try restorer.finish()
    } catch {
      throw Problem(section: report.sectionBytes.count, reason: "\(error)")
    }
  }
}
