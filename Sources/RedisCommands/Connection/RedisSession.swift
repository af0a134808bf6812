import Basics
import RESP

/// The state of one client's connection: what was agreed on it and what is open. It answers what
/// concerns the connection and the server, and says for everything else what is to be carried out.
///
/// Requests are given in the order in which they came. Several commands may be under way at one
/// time; their answers are sent in the order of the requests, each in the style that its step says.
package struct RedisSession: Sendable {
  /// Never used for another connection of this server.
  package let id: Int64
  package internal(set) var version = RESPVersion.two
  /// Whether the client may ask for more than to log in.
  package internal(set) var isAuthenticated: Bool
  /// READONLY: replicas may answer.
  package internal(set) var isReadOnly = false
  /// CLIENT NO-EVICT.
  package internal(set) var isEvictable = true
  var name: [UInt8] = []
  var libraryName: [UInt8] = []
  var libraryVersion: [UInt8] = []
  var isTouching = true
  /// ASKING, for the next request.
  var isAsking = false
  var replies = Replies.on
  /// CLIENT REPLY SKIP was the request that is being answered.
  var skipsNext = false
  var open: OpenTransaction?
  var watched: [Transaction.Watched] = []
  var pending = Pending.nothing
  /// The name of the latest command; `NULL`, as in Redis, if the table does not know it.
  var command = "NULL"

  enum Replies: Sendable { case on, off, skipped }

  /// Between MULTI and EXEC.
  struct OpenTransaction: Sendable {
    var queue: [Queued] = []
    var bytes = 0
    /// A request was refused, so that EXEC will be.
    var isBroken = false
  }

  /// Not read further before EXEC, as in Redis.
  struct Queued: Sendable {
    let description: CommandDescription
    let arguments: [[UInt8]]
  }

  enum Pending: Sendable {
    case nothing
    case watch([[UInt8]])
    case transaction([Item])
  }

  /// A command of a transaction that is under way.
  enum Item: Sendable {
    /// The next of those that the store carries out.
    case stored
    case local(RedisRequest)
    case refused(CommandError)
  }

  /// The only user.
  package static let userName = Array("default".utf8)

  package init(id: Int64, settings: ServerSettings) {
    self.id = id
    isAuthenticated = settings.password == nil
  }

  /// What the next answer is written like.
  var style: ReplyStyle { ReplyStyle(version: version, isMuted: replies != .on) }

  /// Whether a result is waited for, so that no request may be given.
  package var isWaiting: Bool { if case .nothing = pending { false } else { true } }

  /// Takes a request: its arguments, at least the command's name.
  package mutating func receive(_ arguments: [[UInt8]], _ facts: some ServerFacts) -> Step {
    invariant(!isWaiting, "connection \(id) was given a request while it waits for a result")
    let step = decide(arguments, facts)
    let action: Step.Action =
      switch step.decision {
      case .answer(let reply): .answer(reply.map(style.bytes) ?? [])
      case .written(let bytes): .answer(bytes)
      case .run(let command, let mayBeStale):
        .run(command, style: style, mayBeStale: mayBeStale)
      case .runOnAll(let command): .runOnAll(command, style: style)
      case .watch(let keys): .watch(keys)
      case .commit(let transaction): .commit(transaction)
      }
    if !isWaiting { endRequest() }
    return Step(action: action, effects: step.effects, closes: step.closes)
  }

  /// What holds for one request only ends with it.
  mutating func endRequest() {
    if replies == .skipped { replies = .on }
    if skipsNext {
      replies = .skipped
      skipsNext = false
    }
    if open == nil, command != "asking" { isAsking = false }
  }

  /// A step before its answer is written.
  struct Decided {
    enum Decision {
      /// `nil`: no answer at all.
      case answer(Reply?)
      /// An answer whose parts have styles of their own.
      case written([UInt8])
      case run(KeyedCommand, mayBeStale: Bool)
      case runOnAll(KeyspaceCommand)
      case watch([[UInt8]])
      case commit(Transaction)
    }

    var decision: Decision
    var effects: [SessionEffect] = []
    var closes = false

    init(_ decision: Decision) { self.decision = decision }
    static func answer(_ reply: Reply?) -> Decided { Decided(.answer(reply)) }
    static func error(_ error: CommandError) -> Decided { Decided(.answer(.error(error.text))) }
  }

  private mutating func decide(_ arguments: [[UInt8]], _ facts: some ServerFacts) -> Decided {
    command = "NULL"
    // Redis looks for it before anything else.
    if let name = arguments.first, name.count == 4, option(name) == "quit" {
      command = "quit"
      var decided = Decided.answer(.ok)
      decided.closes = true
      return decided
    }
    let description: CommandDescription
    let keys: CommandKeys
    do throws(CommandError) {
      (description, keys) = try admit(arguments, facts)
    } catch {
      return reject(error, arguments)
    }
    if open != nil, !Self.isNeverQueued(description) {
      do throws(CommandError) {
        try enqueue(description, arguments, facts.settings.transaction)
        return .answer(.simple("QUEUED"))
      } catch {
        open?.isBroken = true
        return .error(error)
      }
    }
    do throws(CommandError) {
      let settings = facts.settings
      try Self.checkCluster(description, settings)
      return try carryOut(
        RedisRequest(description, keys, limit: settings.valueBytesMax), description, facts)
    } catch {
      return .error(error)
    }
  }

  /// The command, if it may be asked for now, and its keys. In Redis' order (processCommand in
  /// server.c): known, number of arguments, log-in, place of the keys.
  private mutating func admit(_ arguments: [[UInt8]], _ facts: some ServerFacts)
    throws(CommandError) -> (CommandDescription, CommandKeys)
  {
    let description = try CommandTable.standard.command(for: arguments)
    command = description.name
    if !isAuthenticated, !description.flags.contains(.noAuth) {
      throw CommandError("NOAUTH Authentication required.")
    }
    if description.name == "debug", !facts.settings.allowsDebug {
      throw CommandError("ERR DEBUG command not allowed: this server was started without it")
    }
    let keys = description.keys(in: arguments)
    guard !keys.isEmpty else { return (description, keys) }
    let refusal = facts.refusal(
      of: keys.slots, mayBeStale: isReadOnly && description.flags.contains(.readOnly),
      isAsking: isAsking)
    if let refusal { throw refusal }
    return (description, keys)
  }

  /// A refusal before a command was read breaks a transaction, and one of EXEC ends it.
  private mutating func reject(_ error: CommandError, _ arguments: [[UInt8]]) -> Decided {
    let name = CommandTable.standard.lookUp(arguments)?.name
    guard name == "exec" else {
      open?.isBroken = true
      return .error(error)
    }
    discard()
    return .error(error.discardingTransaction)
  }

  /// Without a cluster these commands are refused before their arguments are read.
  static func checkCluster(_ description: CommandDescription, _ settings: ServerSettings)
    throws(CommandError)
  {
    guard !settings.isCluster, description.group == .cluster else { return }
    throw CommandError("ERR This instance has cluster support disabled")
  }

  private mutating func carryOut(
    _ request: RedisRequest, _ description: CommandDescription, _ facts: some ServerFacts
  ) throws(CommandError) -> Decided {
    switch request {
    case .keyed(let command):
      if case .refused(let error) = command.operation { throw error }
      let mayBeStale = isReadOnly && description.flags.contains(.readOnly)
      return Decided(.run(command, mayBeStale: mayBeStale))
    case .keyspace(let command): return Decided(.runOnAll(command))
    case .transaction(let command): return try carryOut(command, facts)
    case .connection(let command): return try carryOut(command, facts)
    case .server(let command): return answer(command, facts)
    }
  }

  /// As CLIENT LIST shows it.
  package func description(_ link: ClientDescription.Link) -> ClientDescription {
    var flags = ""
    if open != nil { flags += "x" }
    if isReadOnly { flags += "r" }
    if !isEvictable { flags += "e" }
    if !isTouching { flags += "T" }
    return ClientDescription(
      id: id, link: link, isAuthenticated: isAuthenticated, name: name, libraryName: libraryName,
      libraryVersion: libraryVersion, flags: flags.isEmpty ? "N" : flags,
      queued: open?.queue.count, queuedBytes: open?.bytes ?? 0, command: command,
      version: version.rawValue)
  }
}
