import ShardMap
import Wire

extension ClusterView {
  /// Whether every member group has a leader and could lose a replica no worse than when whole.
  var isHealthy: Bool {
    configuration != nil
      && groups.filter(\.isMember).allSatisfy { view in
        view.silent.isEmpty && view.doubtful.isEmpty && view.leader != nil
          && !view.replicas.contains { $0.status?.agreement?.isSplit == true }
      }
  }

  /// What matters, in sentences: how many failures each group survives, and what is wrong.
  func sentences() -> [(text: String, isGood: Bool)] {
    var lines: [(text: String, isGood: Bool)] = []
    if configuration == nil {
      lines.append(("The controllers gave no configuration: \(problem ?? "no reason")", false))
    }
    let members = groups.filter(\.isMember)
    let whole = members.filter { $0.silent.isEmpty && $0.leader != nil }
    let counts = Set(whole.map(\.survives))
    if whole.count == members.count, counts.count == 1, let count = counts.first {
      lines.append(("Every group survives \(failures(count)).", count > 0))
    } else {
      for view in members { lines.append(sentence(view)) }
    }
    for view in groups {
      lines += view.replicas.compactMap { sentence($0, of: view.group) }
      lines += view.replicas.compactMap { doubt($0, of: view.group) }
      lines += view.replicas.compactMap { agreement($0, of: view.group) }
    }
    if members.count == 1, configuration != nil {
      lines.append(("No group has joined yet: 'shardkv-cli join GID=HOST:PORT,…' adds one.", false))
    }
    return lines
  }

  private func sentence(_ view: GroupView) -> (text: String, isGood: Bool) {
    let name = view.group == .none ? "The controllers" : "Group \(view.group)"
    let verb = view.group == .none ? "survive" : "survives"
    let silent =
      view.silent.isEmpty
      ? "" : " (\(view.silent.joined(separator: ", ")) does not answer)"
    if view.isStoppedByDoubt {
      let missing = "\(name): nobody can be elected without \(addresses(view.doubtful)), and "
      let names = view.silent.joined(separator: ", ")
      if view.knowsEverything {
        return (
          missing + "only if every replica answers: \(unavailable(view)). Start \(names) again.",
          false
        )
      }
      return (
        missing + "those that answer may not have all that was acknowledged: \(unavailable(view)). "
          + (names.isEmpty ? "Bring" : "Start \(names) again, or bring")
          + " back the folder of one of them as it was before it was damaged.", false
      )
    }
    if view.survives < 0 {
      let have = view.group == .none ? "have" : "has"
      return ("\(name) \(have) lost the majority\(silent): \(consequence(view))", false)
    }
    guard view.leader != nil else {
      return ("\(name): no leader right now, an election should end this soon\(silent).", false)
    }
    return ("\(name) \(verb) \(failures(view.survives))\(silent).", view.silent.isEmpty)
  }

  /// What a disk has no room for.
  private func sentence(
    _ replica: GroupView.Replica, of group: GroupID
  ) -> (text: String, isGood: Bool)? {
    guard let disk = replica.status?.disk, disk.room != .enough else { return nil }
    let place = group == .none ? "controller" : "group \(group)"
    let taken = disk.room == .low ? "reads and deletes are served" : "only reads are served"
    return (
      "The disk of \(replica.address) (\(place)) is nearly full, \(sized(disk.free)) free: while "
        + "it leads \(taken). Free some.", false
    )
  }

  /// That a state was, or is, another than those of the other replicas.
  private func agreement(
    _ replica: GroupView.Replica, of group: GroupID
  ) -> (text: String, isGood: Bool)? {
    guard let agreement = replica.status?.agreement else { return nil }
    let place = group == .none ? "controller" : "group \(group)"
    if agreement.isSplit {
      return (
        "\(replica.address) (\(place)) and others differ in their state at index "
          + "\(agreement.index), and nobody can tell which is right: see its log.", false
      )
    }
    guard agreement.differed > 0 else { return nil }
    return (
      "\(replica.address) (\(place)) was found to differ from its group and got its state anew: if "
        + "that happens again, look at the machine's memory.", false
    )
  }

  /// That a replica counts for nothing now.
  private func doubt(
    _ replica: GroupView.Replica, of group: GroupID
  ) -> (text: String, isGood: Bool)? {
    guard let doubt = replica.status?.doubt else { return nil }
    let place = group == .none ? "controller" : "group \(group)"
    let reason = doubt == .tornTail ? "its last write was torn" : "its files were damaged"
    return (
      "\(replica.address) (\(place)) may lack what it had acknowledged, since \(reason): it "
        + "neither votes nor counts until its leader has given it that.", false
    )
  }

  private func addresses(_ replicas: [GroupView.Replica]) -> String {
    replicas.map(\.address).joined(separator: ", ")
  }

  private func consequence(_ view: GroupView) -> String {
    if view.group == .none { return "\(unavailable(view))." }
    return "\(unavailable(view)). Start its nodes again."
  }

  private func unavailable(_ view: GroupView) -> String {
    if view.group == .none {
      return "data is served, but no group can join, leave or be looked up anew"
    }
    let shards = configuration?.shards.indices.filter {
      configuration?.shards[$0].owner == view.group
    }
    return "shards \(ranges(shards ?? [])) are unavailable"
  }

  private func failures(_ count: Int) -> String {
    switch count {
    case ..<1: "no failure"
    case 1: "1 failure"
    default: "\(count) failures"
    }
  }
}
