import RESP
import Testing

@testable import RedisCommands

@Suite struct TableTests {
  private func words(_ line: String) -> [[UInt8]] {
    line.split(separator: " ").map { Array($0.utf8) }
  }

  private func refusal(_ request: [[UInt8]]) -> String? {
    do throws(CommandError) {
      _ = try CommandTable.standard.command(for: request)
      return nil
    } catch {
      return String(decoding: error.text, as: UTF8.self)
    }
  }

  @Test(arguments: [
    ("foo", "ERR unknown command 'foo', with args beginning with: "),
    ("FOO a b", "ERR unknown command 'FOO', with args beginning with: 'a' 'b' "),
    ("client", "ERR wrong number of arguments for 'client' command"),
    ("CLIENT Foo", "ERR unknown subcommand 'Foo'. Try CLIENT HELP."),
    ("client SETNAME", "ERR wrong number of arguments for 'client|setname' command"),
    ("client|setname x", "ERR unknown command 'client|setname', with args beginning with: 'x' "),
    ("Get", "ERR wrong number of arguments for 'get' command"),
    ("get a b", "ERR wrong number of arguments for 'get' command"),
    ("set a", "ERR wrong number of arguments for 'set' command"),
  ])
  func requestsThatTheTableDoesNotKnowAreRefused(line: String, error: String) {
    #expect(refusal(words(line)) == error)
  }

  @Test func refusalsRepeatAtMost128BytesAndNoNul() {
    let long = [UInt8](repeating: 0x61, count: 200)
    let shown = String(repeating: "a", count: 128)
    #expect(
      refusal([long, long, long])
        == "ERR unknown command '\(shown)', with args beginning with: '\(shown)' ")
    #expect(
      refusal([Array("x\0y".utf8), Array("p\0q".utf8)])
        == "ERR unknown command 'x', with args beginning with: 'p' ")
    #expect(refusal([Array("GET\0".utf8), long]) != nil)
    #expect(refusal([[0xFF, 0xFE]]) != nil)
    #expect(refusal([]) != nil)
  }

  @Test func everyCommandCountsItsArguments() {
    for container in CommandTable.standard.commands {
      for command in [container] + container.subcommands {
        let names = command.name.split(separator: "|").map { Array($0.utf8) }
        let error = "ERR wrong number of arguments for '\(command.name)' command"
        for count in names.count...8 {
          let request = names + Array(repeating: [0x78], count: count - names.count)
          let isContainer = !command.subcommands.isEmpty && count > 1
          let fits = command.arity > 0 ? count == command.arity : count >= -command.arity
          if isContainer { continue }
          #expect(refusal(request) == (fits ? nil : error), "\(command.name) with \(count)")
        }
      }
    }
  }

  @Test func everyCommandCanBeRead() {
    for container in CommandTable.standard.commands {
      for command in [container] + container.subcommands {
        guard command.subcommands.isEmpty else { continue }
        let names = command.name.split(separator: "|").map { Array($0.utf8) }
        let count = max(abs(command.arity), names.count)
        let request = names + Array(repeating: [0x31], count: count - names.count)
        do throws(CommandError) {
          _ = try RedisRequest(command, command.keys(in: request), limit: 1 << 20)
        } catch {
          let text = String(decoding: error.text, as: UTF8.self)
          #expect(!text.contains("is in the table"), "\(command.name): \(text)")
        }
      }
    }
  }

  @Test(arguments: [
    ("get a", ["a"]), ("mget a b c", ["a", "b", "c"]), ("mset a 1 b 2", ["a", "b"]),
    ("mset a 1 b", ["a", "b"]), ("copy a b replace", ["a", "b"]), ("lcs a b len", ["a", "b"]),
    ("object encoding a", ["a"]), ("memory usage a", ["a"]), ("ping", []),
    ("watch a b", ["a", "b"]),
  ])
  func keysAreFoundByTheirPlaces(line: String, keys: [String]) throws {
    let command = try CommandTable.standard.command(for: words(line))
    #expect(Array(command.keys(in: words(line))) == keys.map { Array($0.utf8) })
  }

  /// ``CommandKeys`` is a view that takes the specs of a command for one.
  @Test func theSpecsOfACommandMakeOneSequence() {
    for container in CommandTable.standard.commands {
      for command in [container] + container.subcommands where !command.keys.isEmpty {
        for count in abs(command.arity)..<abs(command.arity) + 5
        where command.accepts(argumentCount: count) {
          let request = (0..<count).map { [UInt8($0)] }
          let places = command.keys.flatMap { $0.places(argumentCount: count) }
          #expect(
            command.keys(in: request).map { Int($0[0]) } == places, "\(command.name) \(count)")
        }
      }
    }
  }

  @Test func slotsOfKeysAreTold() {
    func slots(_ keys: String...) -> KeySlots { KeySlots(of: keys.map { Array($0.utf8) }) }
    #expect(slots() == .none)
    #expect(slots("foo") == .one(12182))
    #expect(slots("foo", "{foo}bar", "foo") == .one(12182))
    #expect(slots("foo", "{foo}bar", "bar", "foo") == .several(first: 12182))
  }

  @Test func summariesAreOneSentence() {
    for container in CommandTable.standard.commands {
      for command in [container] + container.subcommands {
        #expect(command.summary.hasSuffix(".") && command.summary.count < 80, "\(command.name)")
      }
    }
  }

  /// What is refused while a disk is nearly full: what Redis refuses without memory.
  @Test func whatMakesTheDataGrowIsWhatRedisDenies() {
    let writes = CommandTable.standard.commands.filter {
      !$0.keys.isEmpty && $0.flags.contains(.write)
    }
    var growing: [String] = []
    var others: [String] = []
    for description in writes {
      let arguments = Array(repeating: [UInt8(ascii: "1")], count: abs(description.arity) + 1)
      let keys = description.keys(in: arguments)
      guard let command = KeyedCommand(description, keys, limit: 1_000) else {
        Issue.record("\(description.name) is no command on keys")
        continue
      }
      if command.growsData {
        growing.append(description.name)
      } else {
        others.append(description.name)
      }
    }
    #expect(
      growing
        == words(
          "append copy decr decrby getset incr incrby incrbyfloat mset msetnx psetex set setbit setex "
            + "setnx setrange"
        ).map { String(decoding: $0, as: UTF8.self) })
    #expect(
      others
        == words(
          "del expire expireat getdel getex persist pexpire pexpireat rename renamenx unlink"
        ).map { String(decoding: $0, as: UTF8.self) })
  }
}
