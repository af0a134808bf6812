import RESP
import ShardMap

extension RedisSession {
  mutating func carryOut(_ command: ConnectionCommand, _ facts: some ServerFacts)
    throws(CommandError) -> Decided
  {
    switch command {
    case .ping(let text): return .answer(text.map { .bulk($0) } ?? .simple("PONG"))
    case .echo(let text): return .answer(.bulk(text))
    case .select(let number):
      if facts.settings.isCluster, number != 0 {
        throw CommandError("ERR SELECT is not allowed in cluster mode")
      }
      guard 0..<ServerSettings.databases ~= number else {
        throw CommandError("ERR DB index is out of range")
      }
      return .answer(.ok)
    case .quit:
      var decided = Decided.answer(.ok)
      decided.closes = true
      return decided
    case .reset:
      reset(facts.settings)
      return .answer(.simple("RESET"))
    case .hello(let hello): return .answer(try greet(hello, facts))
    case .authenticate(let credentials):
      if credentials.user == nil, facts.settings.password == nil {
        throw CommandError(
          "ERR AUTH <password> called without any password configured for the default user. "
            + "Are you sure your configuration is correct?")
      }
      try logIn(credentials, facts.settings)
      return .answer(.ok)
    case .readOnly: isReadOnly = true
    case .readWrite: isReadOnly = false
    case .asking: isAsking = true
    case .client(let command): return carryOut(command, facts)
    }
    return .answer(.ok)
  }

  /// As new, but for what stands in CLIENT NO-EVICT, NO-TOUCH and SETINFO.
  private mutating func reset(_ settings: ServerSettings) {
    discard()
    version = .two
    isAuthenticated = settings.password == nil
    name = []
    isAsking = false
    isReadOnly = false
    // A reply that SKIP has taken away stays away.
    if replies == .off { replies = .on }
    skipsNext = false
  }

  private mutating func logIn(
    _ credentials: ConnectionCommand.Credentials, _ settings: ServerSettings
  ) throws(CommandError) {
    let isKnown = credentials.user == nil || credentials.user == Self.userName
    let isRight = settings.password.map { Self.areEqual($0, credentials.password) } ?? true
    guard isKnown, isRight else {
      throw CommandError("WRONGPASS invalid username-password pair or user is disabled.")
    }
    isAuthenticated = true
  }

  /// Takes a time that depends on the length of `given` only.
  private static func areEqual(_ secret: [UInt8], _ given: [UInt8]) -> Bool {
    var difference: UInt8 = secret.count == given.count ? 0 : 1
    for (index, byte) in given.enumerated() {
      difference |= byte ^ (secret.isEmpty ? 1 : secret[index % secret.count])
    }
    return difference == 0
  }

  private mutating func greet(_ hello: ConnectionCommand.Hello, _ facts: some ServerFacts)
    throws(CommandError) -> Reply
  {
    let settings = facts.settings
    for option in hello.options {
      switch option {
      case .authenticate(let credentials): try logIn(credentials, settings)
      case .setName(let name): self.name = name
      case .refused(let error): throw error
      }
    }
    guard isAuthenticated else {
      throw CommandError(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
          + "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
          + "protocol version at the same time")
    }
    if let version = hello.version { self.version = version }
    return .map([
      .init(.bulk("server"), .bulk("redis")),
      .init(.bulk("version"), .bulk(settings.redisVersion)),
      .init(.bulk("proto"), .integer(Int64(version.rawValue))),
      .init(.bulk("id"), .integer(id)),
      .init(.bulk("mode"), .bulk(settings.isCluster ? "cluster" : "standalone")),
      .init(.bulk("role"), .bulk(facts.takesWrites ? "master" : "replica")),
      .init(.bulk("modules"), .array([])),
    ])
  }

  private mutating func carryOut(_ command: ClientCommand, _ facts: some ServerFacts) -> Decided {
    switch command {
    case .name: return .answer(name.isEmpty ? .null : .bulk(name))
    case .setName(let name): self.name = name
    case .setLibraryName(let name): libraryName = name
    case .setLibraryVersion(let version): libraryVersion = version
    case .id: return .answer(.integer(id))
    case .info: return .answer(Self.text(description(facts.link).line))
    case .list(let selection): return .answer(list(selection, facts))
    case .replies(let mode): return setReplies(mode)
    case .evicts(let isOn): isEvictable = isOn
    case .touches(let isOn): isTouching = isOn
    case .kill(let filter): return kill(filter, facts)
    case .pause(let milliseconds, let writesOnly):
      var decided = Decided.answer(.ok)
      decided.effects = [.pause(milliseconds: milliseconds, writesOnly: writesOnly)]
      return decided
    case .unpause:
      var decided = Decided.answer(.ok)
      decided.effects = [.unpause]
      return decided
    }
    return .answer(.ok)
  }

  static func text(_ bytes: [UInt8]) -> Reply { .verbatim(format: Array("txt".utf8), bytes) }

  private mutating func setReplies(_ mode: ClientCommand.Replies) -> Decided {
    switch mode {
    case .on:
      replies = .on
      return .answer(.ok)
    case .off: replies = .off
    case .skip: skipsNext = replies != .off
    }
    return .answer(nil)
  }

  private func clients(_ facts: some ServerFacts) -> [ClientDescription] {
    (facts.otherClients() + [description(facts.link)]).sorted { $0.id < $1.id }
  }

  private func list(_ selection: ClientCommand.Selection, _ facts: some ServerFacts) -> Reply {
    let all = clients(facts)
    switch selection {
    case .all, .kind(.normal): return Self.text(all.flatMap(\.line))
    case .kind: return Self.text([])
    case .ids(let ids):
      return Self.text(ids.flatMap { id in all.first { $0.id == id }?.line ?? [] })
    }
  }

  private func kill(_ filter: ClientFilter, _ facts: some ServerFacts) -> Decided {
    let found = clients(facts).filter { filter.matches($0, isOwn: $0.id == id) }.map(\.id)
    guard !filter.isShortForm || !found.isEmpty else {
      return .error(CommandError("ERR No such client"))
    }
    var decided = Decided.answer(filter.isShortForm ? .ok : .integer(Int64(found.count)))
    decided.closes = found.contains(id)
    let others = found.filter { $0 != id }
    if !others.isEmpty { decided.effects = [.closeClients(others)] }
    return decided
  }

  func answer(_ command: ServerCommand, _ facts: some ServerFacts) -> Decided {
    switch command {
    case .time:
      let now = facts.wallMicroseconds
      return .answer(.array([.bulk("\(now / 1_000_000)"), .bulk("\(now % 1_000_000)")]))
    case .command(let query): return .answer(query.reply(.standard))
    case .parameters(let patterns):
      return .answer(ConfigParameters(facts.settings).reply(patterns))
    case .setParameters(let pairs):
      return .answer(ConfigParameters(facts.settings).setReply(pairs))
    case .resetStatistics:
      var decided = Decided.answer(.ok)
      decided.effects = [.resetStatistics]
      return decided
    case .info(let sections):
      return .answer(Self.text(InfoReply(facts.information(), facts.settings).bytes(sections)))
    case .debug(let debug): return .answer(debug.reply(version: version))
    case .help(let name):
      return .answer(CommandTable.standard.command(named: Array(name.utf8))?.helpReply)
    case .fixed(let reply): return .answer(reply)
    case .cluster(.slot(let key)): return .answer(.integer(Int64(ShardLayout.slot(of: key))))
    case .cluster(let question): return .answer(facts.clusterMap().reply(question))
    }
  }
}
