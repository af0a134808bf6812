import Basics
import RESP
import Testing

@testable import RedisCommands

extension AgainstRedis {
  /// The same commands for a real redis-server and for the values here: `scripts/redis-oracle.sh`
  /// starts the server; without it these tests are skipped.
  @Suite struct OracleTests {
    private func text(_ bytes: [UInt8]) -> String {
      bytes.prefix(300).reduce(into: "") { text, byte in
        text += (0x20...0x7E) ~= byte ? String(UnicodeScalar(byte)) : "\\\(byte)"
      }
    }

    @Test(arguments: [RESPVersion.two, .three])
    func repliesAreThoseOfRedis(version: RESPVersion) throws {
      let server = try RedisOracle()
      defer { server.close() }
      _ = try server.ask([[Array("HELLO".utf8), Array("\(version.rawValue)".utf8)]])
      _ = try server.ask([[Array("FLUSHALL".utf8)]])
      var store = ModelStore()
      var generator = CommandGenerator(
        random: SeededGenerator(seed: RedisOracle.seed &* 2 &+ UInt64(version.rawValue)),
        now: store.now)
      var differences = 0
      var errors = 0
      var commands = 0
      while commands < RedisOracle.commands, differences < 10 {
        store.now += Int64(generator.random.next(in: 0...400))
        generator.now = store.now
        try server.setClock(store.now)
        let requests = (0..<40).map { _ in generator.next() }
        let answers = try server.ask(requests)
        for (request, answer) in zip(requests, answers) {
          var writer = ReplyWriter(version: version)
          let reply = store.run(request)
          writer.write(reply)
          commands += 1
          errors += reply.isError ? 1 : 0
          if writer.bytes != answer {
            differences += 1
            let command = request.map(text).joined(separator: " ")
            Issue.record("\(command)\n  redis \(text(answer))\n  here  \(text(writer.bytes))")
          }
        }
      }
      print(
        "RESP\(version.rawValue): \(commands) commands, \(errors) refused, \(differences) differ")
    }

    @Test func sumsOfFractionsAreThoseOfRedis() throws {
      let server = try RedisOracle()
      defer { server.close() }
      var store = ModelStore()
      try server.setClock(store.now)
      var generator = CommandGenerator(random: SeededGenerator(seed: RedisOracle.seed), now: 0)
      var differences = 0
      var commands = 0
      while commands < RedisOracle.commands, differences < 10 {
        let requests = (0..<40).map { index in
          let name = index % 2 == 0 ? "SET" : "INCRBYFLOAT"
          return [name, "sum", generator.float()].map { Array($0.utf8) }
        }
        for (request, answer) in zip(requests, try server.ask(requests)) {
          var writer = ReplyWriter()
          writer.write(store.run(request))
          commands += 1
          if writer.bytes != answer {
            differences += 1
            let command = request.map(text).joined(separator: " ")
            Issue.record("\(command)\n  redis \(text(answer))\n  here  \(text(writer.bytes))")
          }
        }
      }
      print("fractions: \(commands) commands, \(differences) differ")
    }

    @Test func patternsMatchAsInRedis() throws {
      let server = try RedisOracle()
      defer { server.close() }
      _ = try server.ask([[Array("FLUSHALL".utf8)]])
      var random = SeededGenerator(seed: RedisOracle.seed)
      func word(_ alphabet: [UInt8], most: Int) -> [UInt8] {
        (0..<random.next(in: 0...most)).map { _ in alphabet[random.next(in: 0..<alphabet.count)] }
      }
      var store = ModelStore()
      try server.setClock(store.now)
      for _ in 0..<300 {
        let request = [
          Array("SET".utf8), word(Array("ab-]\\^*".utf8) + [0xFF, 0], most: 6), [0x31],
        ]
        _ = store.run(request)
        _ = try server.ask([request])
      }
      var differences = 0
      for _ in 0..<RedisOracle.commands / 10 where differences < 10 {
        let pattern = word(Array("abab**?[]^-\\".utf8) + [0xFF, 0], most: 9)
        let answer = try server.ask([[Array("KEYS".utf8), pattern]])
        var parser = ReplyParser()
        parser.append(answer[0])
        guard case .array(let found) = try parser.next() else { continue }
        var keys: [[UInt8]] = []
        for case .bulk(let key) in found { keys.append(key) }
        keys.sort { $0.lexicographicallyPrecedes($1) }
        if keys != store.keys(pattern) {
          differences += 1
          Issue.record(
            "KEYS \(text(pattern)): \(keys.map(text)), here \(store.keys(pattern).map(text))")
        }
      }
      print("patterns: \(RedisOracle.commands / 10), \(differences) differ")
    }
  }
}
