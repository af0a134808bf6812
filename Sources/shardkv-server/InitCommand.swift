import Arguments
import Glibc
import Journal
import ShardMap
import Storage

/// Makes a replica's folder.
func initialize(_ command: ParsedCommand) throws {
  let identity = try ReplicaIdentity(command)
  let path = try command.required("data")
  let folder: Folder
  do throws(StorageError) {
    folder = try Folder.openEmpty(path)
  } catch {
    throw Failure(.configuration, error.description)
  }
  try inputOutput { () throws(StorageError) in
    try folder.perform(Journal.format(identity, settings: JournalSettings()))
  }
  Log.put("made \(path) for \(describe(identity))\n", on: STDERR_FILENO)
}

/// Names the failed call of the disk; the process then ends, since a sync that failed once says
/// nothing when it succeeds later.
func inputOutput<Result>(
  _ body: () throws(StorageError) -> Result
) throws(Failure) -> Result {
  do throws(StorageError) {
    return try body()
  } catch {
    throw Failure(.inputOutput, error.description)
  }
}

/// For people: who the folder belongs to.
func describe(_ identity: ReplicaIdentity) -> String {
  let group = identity.group == .none ? "the controllers" : "group \(identity.group)"
  return "replica \(identity.replica) of \(group), cluster \(identity.cluster)"
}
