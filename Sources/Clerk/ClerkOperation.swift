import Basics
import ShardMap
import Wire

/// Names an operation of a ``Clerk`` until it is finished.
package struct OperationID: RawRepresentable, Hashable, Comparable, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  // Spelled out: by default other modules compare by calls of generic code.
  package static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// What a read has to have seen, and who may answer it.
package enum ReadConsistency: Hashable, Sendable {
  /// Every write that was acknowledged before the read began.
  case linearizable
  /// Likewise, but any replica of the owning group may answer: it asks its leader how far it must
  /// have applied. The reads of many clients spread over the replicas.
  case linearizableAnywhere
  /// Whatever any replica of the owning group has applied; the answer is ``Reply/Body/stale(_:)``,
  /// which tells how old that may be.
  case stale
}

/// What a ``Clerk`` can be asked to do.
package enum ClerkOperation: Hashable, Sendable {
  case get(key: [UInt8], ReadConsistency = .linearizable)
  /// A write, at most once however often it has to be sent.
  case write(key: [UInt8], WriteOperation)
  /// The configuration of that number, or the newest.
  case query(ConfigNumber?)
  /// A change of the configuration, at most once. With `expected` only if the configuration of that
  /// number is the newest, and otherwise it fails as `invalid`: of several administrators only one
  /// changes what all of them saw, and what one asked for before it was cut off changes nothing
  /// after somebody else did.
  case control(ControlCommand, expected: ConfigNumber? = nil)
  /// What that change would make of the newest configuration. The reply is `planned` with the
  /// configuration, or `done` if nothing would change; what would be refused fails as `invalid`
  /// with the reason.
  case plan(ControlCommand)
  /// A group's leader tells the controller its replicas.
  case register(GroupID, GroupRecord)
  /// To the leader of a group that the caller has the addresses of, whatever the configuration
  /// says; its refusals are replies, except those that only name another replica or ask for
  /// patience.
  case toGroup(GroupID, GroupRecord, Request.Body)
  /// What a client of Redis asked for, to the leader of the group that owns the shard. A write is
  /// sent again only as long as it was certainly not carried out: it has no number by which a
  /// second copy would be known.
  case redis(ShardID, work: [UInt8], isWrite: Bool)
  /// To the leader of a group at these addresses, or for ``GroupID/none`` of the controllers: done
  /// means begun. What it refuses fails as `invalid` with the reason and the next step.
  case membership(GroupID, GroupRecord?, MembershipCommand)
  /// To this address alone, tried once.
  case status(address: String)
}

package enum ClerkOutcome: Hashable, Sendable {
  case reply(Reply.Body)
  case failed(ClerkError)
}

/// Why an operation was given up.
package struct ClerkError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// Nobody carried it out in time; it was certainly not applied.
    case unavailable
    /// It was sent and no answer came: it may have been applied, or may still be.
    case outcomeUnknown
    /// It can never be carried out.
    case invalid
    /// The disks of the group that would carry it out are too full; it was certainly not applied.
    case noRoom
  }

  package var code: Code
  /// For people: what happened, and what to do where that is known.
  package var message: String
  /// The address that was asked last.
  package var endpoint: String?
  /// How often it was sent.
  package var attempts: Int
  package var mayHaveBeenApplied: Bool

  package init(
    code: Code, message: String, endpoint: String?, attempts: Int, mayHaveBeenApplied: Bool
  ) {
    self.code = code
    self.message = message
    self.endpoint = endpoint
    self.attempts = attempts
    self.mayHaveBeenApplied = mayHaveBeenApplied
  }

  package var description: String {
    let place = endpoint.map { ", last asked: \($0)" } ?? ""
    return "\(code.rawValue): \(message) (attempts: \(attempts)\(place))"
  }
}

/// What a ``Clerk`` wants done after a turn.
package struct ClerkEffects: Sendable {
  package var links: [LinkEffect] = []
  package var finished: [(OperationID, ClerkOutcome)] = []

  package init() {}
}
