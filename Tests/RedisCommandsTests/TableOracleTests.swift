import RESP
import Testing

@testable import RedisCommands

extension AgainstRedis {
  /// What the table says, and what a real redis-server says of the same commands.
  @Suite struct TableOracleTests {
    /// Newer than Redis 7.0.
    private static let newer: Set = ["client|setinfo", "client|no-touch", "cluster|slot-stats"]
    /// Redis has more of these.
    private static let containers: Set = [
      "client", "cluster", "config", "function", "latency", "memory",
    ]

    private var commands: [CommandDescription] {
      CommandTable.standard.commands.flatMap { [$0] + $0.subcommands }
        .filter { !Self.newer.contains($0.name) }
    }

    private func bytes(_ name: String) -> [UInt8] { Array(name.utf8) }

    /// With the elements of sets and the pairs of maps in an order, without what is known to
    /// differ: subcommands, which are compared one by one, and texts.
    private func normal(_ reply: Reply) -> Reply {
      func key(_ reply: Reply) -> [UInt8] {
        var writer = ReplyWriter(version: .three)
        writer.write(reply)
        return writer.bytes
      }
      switch reply {
      case .array(let elements): return .array(elements.map(normal))
      case .set(let elements):
        return .set(elements.map(normal).sorted { key($0).lexicographicallyPrecedes(key($1)) })
      case .map(let pairs):
        let texts = ["notes", "summary", "complexity", "replaced_by"].map { Reply.bulk($0) }
        let left = ["arguments", "history", "subcommands"].map { Reply.bulk($0) }
        return .map(
          pairs.filter { !left.contains($0.key) }.map {
            .init($0.key, texts.contains($0.key) ? .null : normal($0.value))
          }.sorted { key($0.key).lexicographicallyPrecedes(key($1.key)) })
      default: return reply
      }
    }

    @Test(arguments: [RESPVersion.two, .three])
    func propertiesAreThoseOfRedis(version: RESPVersion) throws {
      let server = try RedisOracle()
      defer { server.close() }
      _ = try server.reply("HELLO \(version.rawValue)")
      for command in commands {
        let request = ["COMMAND", "INFO", command.name].map(bytes)
        guard case .array(let found) = try server.reply(request), found.count == 1,
          case .array(var theirs) = found[0],
          case .array(let answer) = try here(request, version), case .array(var ours) = answer[0]
        else {
          Issue.record("\(command.name) is not described")
          continue
        }
        #expect(theirs.count == ours.count)
        // The tenth are subcommands, which have a turn of their own.
        _ = (theirs.popLast(), ours.popLast())
        if version == .three {
          #expect(normal(.array(theirs)) == normal(.array(ours)), "\(command.name)")
        } else {
          // Sets are arrays, so only orders that are fixed can be compared.
          #expect(theirs.prefix(7) == ours.prefix(7), "\(command.name)")
        }
      }
    }

    @Test func documentsHaveTheFieldsOfRedis() throws {
      let server = try RedisOracle()
      defer { server.close() }
      _ = try server.reply("HELLO 3")
      for command in commands {
        let request = ["COMMAND", "DOCS", command.name].map(bytes)
        let theirs = normal(try server.reply(request))
        #expect(theirs == normal(try here(request, .three)), "\(command.name)")
      }
    }

    /// The reply of the table as a client reads it.
    private func here(_ request: [[UInt8]], _ version: RESPVersion) throws -> Reply {
      var parser = ReplyParser()
      parser.append(ReplyStyle(version: version, isMuted: false).bytes(try answer(request)))
      return try #require(try parser.next())
    }

    private func answer(_ request: [[UInt8]]) throws -> Reply {
      do throws(CommandError) {
        let command = try CommandTable.standard.command(for: request)
        guard
          case .server(.command(let query)) = try RedisRequest(
            command, command.keys(in: request), limit: 1 << 20)
        else { return .null }
        return query.reply(.standard)
      } catch {
        return .error(error.text)
      }
    }

    @Test func wrongNumbersOfArgumentsAreRefusedAlike() throws {
      let server = try RedisOracle()
      defer { server.close() }
      for command in commands {
        let names = command.name.split(separator: "|").map { Array($0.utf8) }
        for count in names.count...7 {
          if command.accepts(argumentCount: count) { continue }
          if !command.subcommands.isEmpty, count > 1 { continue }
          let request = names + Array(repeating: [0x78], count: count - names.count)
          do throws(CommandError) {
            _ = try CommandTable.standard.command(for: request)
            Issue.record("\(command.name) with \(count)")
          } catch {
            let prefix =
              command.name == "exec" ? "EXECABORT Transaction discarded because of: " : ""
            let text = bytes(prefix) + error.text.dropFirst(prefix.isEmpty ? 0 : 4)
            #expect(try server.reply(request) == .error(text), "\(command.name) with \(count)")
          }
        }
      }
    }

    @Test(arguments: [
      "foo", "FOO a b", "foo\r\nbar a\r\nb", "x\0y a\0b", "client foo", "Client Fo\0o",
      "CONFIG foo\n",
      "get\0", "|", "client|id", "foo \(String(repeating: "a", count: 200)) b",
      "foo \(String(repeating: "a", count: 60)) \(String(repeating: "b", count: 60)) cccc d",
      "\(String(repeating: "f", count: 200)) b", "object \(String(repeating: "f", count: 200))",
      "foo a\r\n", "\r\nfoo\r\n a",
    ])
    func unknownCommandsAreRefusedAlike(line: String) throws {
      let server = try RedisOracle()
      defer { server.close() }
      let request = line.split(separator: " ").map { Array($0.utf8) }
      do throws(CommandError) {
        _ = try CommandTable.standard.command(for: request)
        Issue.record("known")
      } catch {
        var writer = ReplyWriter()
        writer.error(error.text)
        #expect(try server.ask([request])[0] == writer.bytes)
      }
    }

    @Test(arguments: [
      "GETKEYS get a", "GETKEYS mset a 1 b 2", "GETKEYS mset a 1 b", "GETKEYS mget a b c",
      "GETKEYS ping a b", "GETKEYS get", "GETKEYS get a b", "GETKEYS foo a", "GETKEYS lcs a b",
      "GETKEYS memory usage a", "GETKEYS client setname a", "GETKEYS client foo a",
      "GETKEYS copy a b db 0", "GETKEYS del a b", "GETKEYS watch a b", "GETKEYS object freq a",
      "GETKEYSANDFLAGS set a b", "GETKEYSANDFLAGS set a b GET", "GETKEYSANDFLAGS set a b ex 1 get",
      "GETKEYSANDFLAGS rename a b", "GETKEYSANDFLAGS mset a 1 b 2", "GETKEYSANDFLAGS getex a",
      "GETKEYSANDFLAGS del a b", "GETKEYSANDFLAGS ping a", "GETKEYSANDFLAGS lcs a b",
      "LIST FILTERBY MODULE x", "LIST FILTERBY x y", "LIST FILTERBY", "LIST x",
      "LIST FILTERBY ACLCAT", "LIST FILTERBY ACLCAT none", "LIST FILTERBY PATTERN none*",
      "INFO none", "INFO get|x", "INFO |", "INFO config|", "DOCS none", "DOCS", "COUNT x",
    ])
    func questionsAboutCommandsAreAnsweredAlike(line: String) throws {
      let server = try RedisOracle()
      defer { server.close() }
      _ = try server.reply("HELLO 3")
      let request = "COMMAND \(line)".split(separator: " ").map { Array($0.utf8) }
      if line == "DOCS" {
        guard case .map(let pairs) = try here(request, .three) else { return }
        #expect(pairs.count == CommandTable.standard.commands.count)
        return
      }
      #expect(normal(try server.reply(request)) == normal(try here(request, .three)))
    }

    @Test(arguments: ["ACLCAT string", "ACLCAT Dangerous", "PATTERN *G*t", "PATTERN client|*"])
    func listsHaveWhatRedisLists(filter: String) throws {
      let server = try RedisOracle()
      defer { server.close() }
      let request = "COMMAND LIST FILTERBY \(filter)".split(separator: " ").map { Array($0.utf8) }
      guard case .array(let theirs) = try server.reply(request),
        case .array(let ours) = try here(request, .two)
      else {
        Issue.record("no list")
        return
      }
      let known = commands.map { Reply.bulk($0.name) }
      let wanted = Set(theirs).intersection(known)
      #expect(wanted == Set(ours).subtracting(Self.newer.map { .bulk($0) }))
      #expect(!wanted.isEmpty)
    }

    @Test func redisHasNoFurtherSubcommandsOfWhatIsWhole() throws {
      let server = try RedisOracle()
      defer { server.close() }
      for command in CommandTable.standard.commands where !command.subcommands.isEmpty {
        guard !Self.containers.contains(command.name),
          case .array(let found) = try server.reply("COMMAND INFO \(command.name)"),
          case .array(let fields)? = found.first, case .array(let subcommands)? = fields.last
        else { continue }
        #expect(subcommands.count == command.subcommands.count, "\(command.name)")
      }
    }
  }
}
