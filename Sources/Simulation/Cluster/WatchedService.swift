import Basics
import Clerk
import Raft
import Journal
import ShardKVServer
import ShardMap
import Wire

/// A node's service with an observer: everything is the service's, what it applies is noted.
package struct WatchedService<Base: NodeService>: NodeService {
  private var base: Base
  let log = AppliedLog()

  package init(identity: ReplicaIdentity, settings: NodeSettings) {
    base = Base(identity: identity, settings: settings)
  }

  package var machine: Base.Machine {
    get { base.machine }
    _modify { yield &base.machine }
  }

  package mutating func apply(_ entry: Entry) -> Applied {
    let applied = base.apply(entry)
    var answer: WriteAnswer?
    if case .reply(.written(let written)) = applied { answer = written }
    log.entries.append(AppliedEntry(entry: entry.id, payload: entry.payload, answer: answer))
    return applied
  }

  package mutating func advanceClock(to stamp: UInt64) { base.advanceClock(to: stamp) }

  package func admit(_ body: Request.Body, nonce: UInt64) -> Admission {
    base.admit(body, nonce: nonce)
  }

  package func read(_ body: Request.Body) -> Reply.Body { base.read(body) }

  package func answerAnywhere(_ body: Request.Body) -> Reply.Body? { base.answerAnywhere(body) }

  package mutating func errands(_ leader: LeaderContext) -> [Errand] { base.errands(leader) }

  package mutating func finished(_ errand: Errand, _ outcome: ClerkOutcome) -> [[UInt8]] {
    base.finished(errand, outcome)
  }

  package func capture() -> Base.Capture { base.capture() }

  package func makeRestorer() -> Base.Restorer { base.makeRestorer() }

  package func stateHash() -> UInt64 { base.stateHash() }

  package var configurationNumber: ConfigNumber { base.configurationNumber }

  package func shardReports() -> [NodeStatus.ShardReport] { base.shardReports() }
}

/// What a replica applied and nobody looked at yet.
///
/// A reference, so that what a node holds inside can be read from outside; `@unchecked` because a
/// simulation lives in one thread.
package final class AppliedLog: @unchecked Sendable {
  var entries: [AppliedEntry] = []
}
