import Basics
import ShardMap

/// Who has which slots, as clients are told: groups, their nodes, and who leads. Immutable, and
/// shared by reference, so that a request does not copy it.
package final class ClusterMap: Sendable {
  package struct Node: Hashable, Sendable {
    /// 40 hexadecimal digits, which stay with the node.
    package var id: String
    /// An address as clients reach it; an IPv6 address without brackets.
    package var host: String
    package var port: UInt16
    /// Where other nodes reach it.
    package var peerPort: UInt16
    package var health = Health.online
    /// Index of the last entry of the group's log that it has.
    package var index: UInt64 = 0

    package init(id: String, host: String, port: UInt16, peerPort: UInt16) {
      self.id = id
      self.host = host
      self.port = port
      self.peerPort = peerPort
    }
  }

  package enum Health: String, Hashable, Sendable { case online, fail, loading }

  package struct Group: Hashable, Sendable {
    /// In order and apart from each other.
    package var slots: [ClosedRange<Int>]
    package var nodes: [Node]
    /// The place of the leader among the nodes; `nil` while none is known.
    package var leader: Int?
    /// The configuration that gave it its latest slots.
    package var epoch: UInt64

    package init(slots: [ClosedRange<Int>], nodes: [Node], leader: Int?, epoch: UInt64) {
      self.slots = slots
      self.nodes = nodes
      self.leader = leader.flatMap { nodes.indices.contains($0) ? $0 : nil }
      self.epoch = epoch
    }

    /// The leader, or the first node while none is known: it sends clients on.
    var primary: Node? { leader.map { nodes[$0] } ?? nodes.first }
    var others: [Node] {
      nodes.enumerated().filter { $0.offset != (leader ?? 0) }.map(\.element)
    }
  }

  /// In the order of their first slots.
  package let groups: [Group]
  /// The number of the configuration.
  package let epoch: UInt64
  /// The id of the node that answers.
  package let own: String
  /// For each slot one more than the place of its group; 0 for a slot that nobody has.
  private let owners: [UInt16]
  /// The place of the group that the node is one of.
  private let ownGroup: Int?
  /// It leads it.
  private let isLeader: Bool

  package init(groups: [Group], epoch: UInt64, own: String) {
    func first(_ group: Group) -> Int { group.slots.first?.lowerBound ?? ShardLayout.slotCount }
    let sorted = groups.sorted { first($0) < first($1) }
    var owners = [UInt16](repeating: 0, count: ShardLayout.slotCount)
    for (place, group) in sorted.enumerated() {
      for range in group.slots {
        for slot in range.clamped(to: 0...ShardLayout.slotCount - 1) {
          owners[slot] = UInt16(clamping: place + 1)
        }
      }
    }
    self.groups = sorted
    self.epoch = epoch
    self.own = own
    self.owners = owners
    ownGroup = sorted.firstIndex { $0.nodes.contains { $0.id == own } }
    if let group = ownGroup.map({ sorted[$0] }), let leader = group.leader {
      isLeader = group.nodes[leader].id == own
    } else {
      isLeader = false
    }
  }

  /// The place of the group that has a slot.
  private func owner(ofSlot slot: Int) -> Int? {
    guard owners.indices.contains(slot), owners[slot] > 0 else { return nil }
    return Int(owners[slot]) - 1
  }

  /// Whether the slot is of the group that the node which answers is one of.
  package func isOwn(slot: Int) -> Bool { ownGroup != nil && owner(ofSlot: slot) == ownGroup }

  /// Why this node does not answer a request for these keys, or `nil`. `mayBeStale`: the client
  /// lets replicas answer. In Redis' order (getNodeByQuery in cluster.c): a slot that nobody has,
  /// keys of several slots, another node.
  package func refusal(of keys: KeySlots, mayBeStale: Bool) -> CommandError? {
    let slot: Int
    switch keys {
    case .none: return nil
    case .one(let one): slot = one
    case .several(let first): slot = first
    }
    guard let owner = owner(ofSlot: slot) else {
      return CommandError("CLUSTERDOWN Hash slot not served")
    }
    if case .several = keys { return .crossSlot }
    if owner == ownGroup, isLeader || mayBeStale { return nil }
    guard let leader = groups[owner].leader.map({ groups[owner].nodes[$0] }) else {
      return CommandError("CLUSTERDOWN The cluster is down")
    }
    return CommandError("MOVED \(slot) \(leader.host):\(leader.port)")
  }
}
