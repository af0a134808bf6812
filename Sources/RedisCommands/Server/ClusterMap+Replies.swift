import RESP
import ShardMap

extension ClusterMap {
  package func reply(_ question: ServerCommand.ClusterCommand) -> Reply {
    switch question {
    case .slots: slotsReply
    case .shards: .array(groups.map(Self.shardReply))
    case .nodes: RedisSession.text(Array(nodesText.utf8))
    case .info: RedisSession.text(Array(infoText.utf8))
    case .id: .bulk(own)
    case .slot(let key): .integer(Int64(ShardLayout.slot(of: key)))
    }
  }

  /// One element for each range of slots, in their order; the leader stands first among the nodes,
  /// and others that have failed are left out.
  private var slotsReply: Reply {
    var ranges: [(range: ClosedRange<Int>, nodes: Reply)] = []
    for group in groups {
      guard let primary = group.primary else { continue }
      let nodes = [primary] + group.others.filter { $0.health != .fail }
      let replies = nodes.map { node in
        Reply.array([
          .bulk(node.host), .integer(Int64(node.port)), .bulk(node.id), .map([]),
        ])
      }
      for range in group.slots { ranges.append((range, .array(replies))) }
    }
    ranges.sort { $0.range.lowerBound < $1.range.lowerBound }
    return .array(
      ranges.map { element in
        guard case .array(let nodes) = element.nodes else { return element.nodes }
        let ends = [element.range.lowerBound, element.range.upperBound]
        return .array(ends.map { .integer(Int64($0)) } + nodes)
      })
  }

  private static func shardReply(_ group: Group) -> Reply {
    let slots = group.slots.flatMap { [$0.lowerBound, $0.upperBound] }
    let nodes = group.nodes.enumerated().map { place, node in
      Reply.map([
        .init(.bulk("id"), .bulk(node.id)), .init(.bulk("port"), .integer(Int64(node.port))),
        .init(.bulk("ip"), .bulk(node.host)), .init(.bulk("endpoint"), .bulk(node.host)),
        .init(.bulk("role"), .bulk(place == group.leader ?? 0 ? "master" : "replica")),
        .init(.bulk("replication-offset"), .integer(Int64(clamping: node.index))),
        .init(.bulk("health"), .bulk(node.health.rawValue)),
      ])
    }
    return .map([
      .init(.bulk("slots"), .array(slots.map { .integer(Int64($0)) })),
      .init(.bulk("nodes"), .array(nodes)),
    ])
  }

  /// A line for each node; a leader's has the slots of its group.
  private var nodesText: String {
    var text = ""
    for group in groups {
      guard let primary = group.primary else { continue }
      for node in [primary] + group.others {
        let isPrimary = node.id == primary.id
        var flags = node.id == own ? "myself," : ""
        flags += isPrimary ? "master" : "slave"
        if node.health == .fail { flags += ",fail" }
        let link = node.health == .fail ? "disconnected" : "connected"
        text += "\(node.id) \(node.host):\(node.port)@\(node.peerPort) \(flags) "
        text += "\(isPrimary ? "-" : primary.id) 0 0 \(group.epoch) \(link)"
        for range in group.slots where isPrimary {
          text +=
            range.count == 1 ? " \(range.lowerBound)" : " \(range.lowerBound)-\(range.upperBound)"
        }
        text += "\n"
      }
    }
    return text
  }

  private var infoText: String {
    let assigned = groups.reduce(0) { $0 + $1.slots.reduce(0) { $0 + $1.count } }
    let served = groups.filter { $0.leader != nil }.reduce(0) {
      $0 + $1.slots.reduce(0) { $0 + $1.count }
    }
    let ownEpoch = groups.first { $0.nodes.contains { $0.id == own } }?.epoch ?? 0
    let lines: [(String, String)] = [
      ("cluster_state", served == ShardLayout.slotCount ? "ok" : "fail"),
      ("cluster_slots_assigned", "\(assigned)"), ("cluster_slots_ok", "\(served)"),
      ("cluster_slots_pfail", "\(assigned - served)"), ("cluster_slots_fail", "0"),
      ("cluster_known_nodes", "\(groups.reduce(0) { $0 + $1.nodes.count })"),
      ("cluster_size", "\(groups.count { !$0.slots.isEmpty })"),
      ("cluster_current_epoch", "\(epoch)"), ("cluster_my_epoch", "\(ownEpoch)"),
      ("cluster_stats_messages_sent", "0"), ("cluster_stats_messages_received", "0"),
      ("total_cluster_links_buffer_limit_exceeded", "0"),
    ]
    return lines.map { "\($0.0):\($0.1)\r\n" }.joined()
  }
}
