import Arguments
import Basics
import EventLoop
import Glibc
import Journal
import Raft
import ShardKVServer
import ShardMap
import Storage
import Wire

/// Recovers a replica from its folder and serves until it is asked to stop.
func serve(_ command: ParsedCommand) throws {
  keepLargeBlocksApart()
  let log = Log(least: try level(command))
  var settings = try NodeSettings(command)
  let (folder, recovery) = try openFolder(try command.required("data"), settings.journal)
  let identity = recovery.identity
  try check(identity, settings)
  fit(&settings, into: raiseDescriptorLimit(), log)
  let loop = Loop()
  loop.catchSignals([SIGTERM, SIGINT])
  var address = try listen(loop, command["listen"], identity, settings)
  if let redis = try listenForRedis(loop, command["redis-listen"], identity, settings) {
    address += " redis \(redis)"
  }
  // Only now is the folder changed: everything that could be refused has been checked.
  for note in recovery.notes { log.write(.warning, note) }
  try inputOutput { () throws(StorageError) in try folder.perform(recovery.repairs + recovery.syncs)
  }
  log.write(.info, "\(version) is \(describe(identity)) at \(address), process \(getpid())")
  let syncsInThread = try command.choice("sync", of: ["loop", "thread"]) != "loop"
  do throws(Failure) {
    if identity.group == .none {
      let node = try node(of: ControllerService.self, consume recovery, folder, settings)
      let storage = ServerStorage(folder, syncsInThread: syncsInThread, log)
      try run(Server(node: node, loop: loop, storage: storage, log: log), address)
    } else {
      let node = try node(of: ShardGroupService.self, consume recovery, folder, settings)
      let storage = ServerStorage(folder, syncsInThread: syncsInThread, log)
      try run(Server(node: node, loop: loop, storage: storage, log: log), address)
    }
  } catch {
    log.write(.error, error.message)
    var failure = error
    failure.isLogged = true
    throw failure
  }
}

/// Says that it serves, and does until it is done.
private func run<Service: NodeService>(
  _ server: consuming Server<Service>, _ address: String
) throws(Failure) {
  // What recovery read took as much as the log and is free now, but nobody else's yet.
  giveFreeMemoryBack()
  Log.put("ready \(address)\n", on: STDOUT_FILENO)
  let stop = try inputOutput { () throws(StorageError) in try server.run() }
  switch stop {
  case .drained: return
  case .rebuild: throw Restart.failure()
  case .dismissed(let reason): throw Failure(.configuration, reason)
  case .failed(let reason): throw Failure(.internalError, reason)
  }
}

/// Takes the recovery with it: else the log that was read is kept as long as the process runs.
private func node<Service: NodeService>(
  of service: Service.Type, _ recovery: consuming Recovery, _ folder: Folder,
  _ settings: NodeSettings
) throws(Failure) -> Node<Service> where Service.Machine: Sendable {
  do throws(NodeRecoveryError) {
    return try Node<Service>(
      recovery: recovery, folder: folder.reader, settings: settings,
      seed: .random(in: .min ... .max), now: Loop.now())
  } catch {
    throw Failure(
      .damagedData,
      "\(folder.path): \(error). 'shardkv-server snapshot verify' with the path of the newest "
        + "snapshot tells more")
  }
}

/// Leaves descriptors for files and for our own connections. Redis' clients get what the others
/// cannot need.
private func fit(_ settings: inout NodeSettings, into descriptors: Int, _ log: Log) {
  settings.connectionsMax = min(settings.connectionsMax, max(64, descriptors / 2 - 64))
  let left = max(16, descriptors - min(settings.connectionsMax, 1_024) - 64)
  guard settings.redis.clientsMax > left else { return }
  log.write(
    .warning,
    "the system allows \(descriptors) open files, so at most \(left) clients of Redis can be "
      + "connected, not \(settings.redis.clientsMax); 'ulimit -n' raises it")
  settings.redis.clientsMax = left
}

/// Reads a folder and leaves it as it is; one that cannot be used is refused with what to do.
private func openFolder(
  _ path: String, _ settings: JournalSettings
) throws(Failure) -> (Folder, Recovery) {
  // Opening makes the lock file, which a folder that is nobody's must not get.
  if access("\(path)/lock", F_OK) != 0, access("\(path)/identity", F_OK) != 0 {
    throw Failure(
      .configuration,
      "\(path) holds no replica: make one with 'shardkv-server init --data \(path) …'")
  }
  let folder: Folder
  do throws(StorageError) {
    folder = try Folder(path)
  } catch {
    throw Failure(.configuration, error.description)
  }
  do throws(RecoveryError) {
    return (folder, try Journal.recover(folder.reader, settings: settings))
  } catch {
    throw failure(error, path)
  }
}

private func failure(_ error: RecoveryError, _ path: String) -> Failure {
  let code: ExitCode =
    switch error {
    case .corrupt: .damagedData
    case .unreadable: .inputOutput
    default: .configuration
    }
  let next =
    code == .damagedData
    ? ". 'shardkv-server journal verify \(path)' lists all that is damaged, 'journal inspect' "
      + "shows what is there" : ""
  return Failure(code, "\(path): \(error)\(next)")
}

private func check(_ identity: ReplicaIdentity, _ settings: NodeSettings) throws(Failure) {
  if identity.group != .none, settings.controllers.isEmpty {
    throw Failure(
      .configuration,
      "group \(identity.group) finds its shards at the controllers: give their addresses with "
        + "--controllers HOST:PORT,…")
  }
}

private func listen(
  _ loop: Loop, _ wanted: String?, _ identity: ReplicaIdentity, _ settings: NodeSettings
) throws(Failure) -> String {
  let own = identity.members.first { $0.id == identity.replica }?.peer
  guard let endpoint = wanted ?? own else {
    throw Failure(.configuration, "the folder names no address for this replica: give --listen")
  }
  let reason = "this node has all the \(settings.connectionsMax) connections it may have"
  let door = LoopDoor(
    acceptedMax: settings.connectionsMax, refusal: FrameCodec.encode(.goodbye(reason: reason)))
  return try listen(loop, endpoint, door, flag: "listen")
}

/// Where clients of Redis are served; `nil`: nowhere.
private func listenForRedis(
  _ loop: Loop, _ wanted: String?, _ identity: ReplicaIdentity, _ settings: NodeSettings
) throws(Failure) -> String? {
  let own = identity.members.first { $0.id == identity.replica }?.redis ?? ""
  guard identity.group != .none, let endpoint = wanted ?? (own.isEmpty ? nil : own) else {
    return nil
  }
  guard identity.layout.mapping == .slots || settings.redis.routing == .proxy else {
    throw Failure(
      .configuration,
      "keys of this cluster map to shards by their first byte, and Redis' clients expect slots: "
        + "serve them with --redis-routing proxy")
  }
  guard !own.isEmpty else {
    throw Failure(
      .configuration,
      "the folder names no address for Redis' clients, so they could not be sent here: make it "
        + "with HOST:PORT+REDISPORT")
  }
  // A few more than the node serves, so that it is the node that tells who is one too many.
  let door = LoopDoor(
    firstConnection: ConnectionID.firstRedis, acceptedMax: settings.redis.clientsMax + 16,
    refusal: RedisSettings.fullHouse)
  return try listen(loop, endpoint, door, flag: "redis-listen")
}

private func listen(
  _ loop: Loop, _ endpoint: String, _ door: LoopDoor, flag: String
) throws(Failure) -> String {
  do throws(LoopError) {
    let port = try loop.listen(on: endpoint, door)
    let host = endpoint.lastIndex(of: ":").map { endpoint[..<$0] } ?? ""
    return "\(host):\(port)"
  } catch {
    throw Failure(.configuration, "\(error); another address can be given with --\(flag)")
  }
}

private func level(_ command: ParsedCommand) throws(UsageError) -> NodeEvent.Level {
  let names = ["debug", "info", "warning", "error"]
  let name = try command.choice("log-level", of: names)
  return name.flatMap { NodeEvent.Level(rawValue: $0) } ?? .info
}

/// As many descriptors as the system allows; the number that it then is.
private func raiseDescriptorLimit() -> Int {
  var limit = rlimit()
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  guard getrlimit(resource, &limit) == 0 else { return 1_024 }
  limit.rlim_cur = limit.rlim_max
  _ = setrlimit(resource, &limit)
  guard getrlimit(resource, &limit) == 0 else { return 1_024 }
  return Int(clamping: limit.rlim_cur)
}

extension NodeSettings {
  /// Reads the flags of `run`; throws with the flag that is wrong.
  init(_ command: ParsedCommand) throws(UsageError) {
    self.init()
    controllers = command.list("controllers")
    for endpoint in controllers where !Loop.isEndpoint(endpoint) {
      throw UsageError("'\(endpoint)' of --controllers is not HOST:PORT")
    }
    if let bytes = try command.integer("snapshot-bytes", in: 1 << 16...1 << 40) {
      snapshotBytes = UInt64(bytes)
    }
    if let bytes = try command.integer("disk-reserve", in: 0...1 << 50) {
      diskReserveBytes = UInt64(bytes)
    }
    let tick = RaftSettings.tickMilliseconds
    if let heartbeat = try command.milliseconds("heartbeat") {
      guard tick...60_000 ~= heartbeat else { throw UsageError("--heartbeat is 10ms to 1m") }
      raft.heartbeatTicks = Int(heartbeat / tick)
    }
    if let timeout = try command.milliseconds("election-timeout") {
      let least = Int(timeout.clamped(to: 0...600_000) / tick)
      guard least >= 3 * raft.heartbeatTicks, timeout <= 600_000 else {
        throw UsageError("--election-timeout is at least 3 heartbeats and at most 10m")
      }
      raft.electionTicks = least...2 * least
    }
    redis = try RedisSettings(command)
    raft.leaseReads = command.isOn("read-lease")
    if let percent = try command.integer("clock-drift-max", in: 0...1_000) {
      raft.clockDriftPercentMax = UInt64(percent)
    }
    let heartbeats = UInt64(2 * raft.heartbeatTicks) * tick * nanosecondsPerMillisecond
    guard !raft.leaseReads || raft.leaseNanoseconds >= heartbeats else {
      throw UsageError(
        "with --clock-drift-max \(raft.clockDriftPercentMax) a lease would end after "
          + "\(raft.leaseNanoseconds / nanosecondsPerMillisecond) ms, before the second heartbeat: "
          + "give a longer --election-timeout or a shorter --heartbeat")
    }
  }
}

extension Comparable {
  fileprivate func clamped(to range: ClosedRange<Self>) -> Self {
    min(max(self, range.lowerBound), range.upperBound)
  }
}
