import Basics
import Checksums
import Raft
import ShardMap
import Testing
import Wire

/// What decoding these bytes throws; `nil` if it does not.
private func failure(_ bytes: [UInt8], limits: FrameLimits = .conversation) -> WireError? {
  var decoder = FrameDecoder(limits: limits)
  decoder.append(bytes)
  do throws(WireError) {
    while try decoder.next() != nil {}
    return nil
  } catch {
    return error
  }
}

@Suite("The decoder takes bytes in any pieces")
struct FrameDecoderTests {
  @Test("byte by byte, a stream gives the same messages")
  func byteByByte() throws {
    let messages = Samples.all.filter { FrameCodec.encode($0).count < 10_000 }
    var decoder = FrameDecoder(limits: .conversation)
    var read: [WireMessage] = []
    for byte in messages.flatMap({ FrameCodec.encode($0) }) {
      decoder.append([byte])
      while let message = try decoder.next() { read.append(message) }
    }
    let isSame = read == messages
    #expect(isSame)
    #expect(decoder.bufferedBytes == 0)
  }

  @Test("a large frame in single bytes, and many small frames at once, cost no squares")
  func noSquares() throws {
    let key = [UInt8](repeating: 0x61, count: 60_000)
    let large = FrameCodec.encode(.request(Request(id: 1, body: .get(key: key))))
    var decoder = FrameDecoder(limits: .conversation)
    for byte in large.dropLast() {
      decoder.append([byte])
      #expect(try decoder.next() == nil)
    }
    decoder.append([large[large.count - 1]])
    #expect(try decoder.next() == .request(Request(id: 1, body: .get(key: key))))

    var pipeline: [UInt8] = []
    for id in 0..<5_000 as Range<UInt64> {
      FrameCodec.encode(.request(Request(id: id, body: .status)), into: &pipeline)
    }
    decoder.append(Array(pipeline.prefix(200_001)))
    decoder.append(Array(pipeline.dropFirst(200_001)))
    for id in 0..<5_000 {
      #expect(try decoder.next() == .request(Request(id: UInt64(id), body: .status)))
    }
    #expect(try decoder.next() == nil)
  }

  @Test("every truncation waits for more, and reads on when it comes")
  func truncations() throws {
    for message in Samples.all {
      let bytes = FrameCodec.encode(message)
      guard bytes.count < 2_000 else { continue }
      for cut in 0..<bytes.count {
        var decoder = FrameDecoder(limits: .conversation)
        decoder.append(Array(bytes[..<cut]))
        #expect(try decoder.next() == nil)
        decoder.append(Array(bytes[cut...]))
        #expect(try decoder.next() == message)
      }
    }
  }

  @Test("every flipped bit is found by the checksum or the header's checks")
  func flips() throws {
    let good = FrameCodec.encode(Samples.all[8])
    for bit in 0..<good.count * 8 {
      var bytes = good
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      var decoder = FrameDecoder(limits: .conversation)
      decoder.append(bytes)
      do throws(WireError) {
        _ = try decoder.next()
        Issue.record("bit \(bit) was not found")
      } catch {
        #expect(!error.description.isEmpty)
      }
    }
  }

  @Test("lengths are refused by the header alone")
  func lengths() {
    let sum = [UInt8](repeating: 0, count: 4)
    func announced(_ json: Int, _ tail: Int) -> [UInt8] { frameHead(json: json, tail: tail) + sum }
    let limit = 16 << 20
    let most = Int(UInt32.max)
    #expect(failure(announced(most, 0)) == .jsonTooLong(bytes: most, limit: limit))
    #expect(failure(announced(0, most)) == .tailTooLong(bytes: most, limit: limit))
    #expect(failure(announced(limit, 0)) == nil)
    #expect(failure(announced(limit + 1, 0)) == .jsonTooLong(bytes: limit + 1, limit: limit))
    #expect(
      failure(announced(4_097, 0), limits: .greeting) == .jsonTooLong(bytes: 4_097, limit: 4_096))
    #expect(failure(announced(0, 1), limits: .greeting) == .tailTooLong(bytes: 1, limit: 0))
  }

  @Test("a flipped bit of the header is refused before any byte after it")
  func damagedHeader() throws {
    let good = FrameCodec.encode(Samples.all[8])
    for bit in 0..<12 * 8 {
      var header = Array(good[..<16])
      header[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(failure(header) != nil, "bit \(bit)")
    }
  }

  @Test("strangers are told by their first byte")
  func strangers() throws {
    #expect(failure(Array("GET / HTTP/1.1\r\n\r\n".utf8)) == .unknownKind(0x47))
    #expect(failure([0x16, 3, 1, 2]) == .unknownKind(0x16))
    #expect(failure(Array("*1\r\n$4\r\nPING\r\n".utf8)) == .unknownKind(0x2A))
    #expect(failure([0]) == .unknownKind(0))
    #expect(failure(frame(version: 2, json: Array("{}".utf8))) == .unsupportedVersion(2))
    var damaged = FrameCodec.encode(Samples.all[0])
    damaged[3] ^= 0x80
    #expect(failure(damaged) == .headerDamaged)
  }

  @Test("after an error the stream stays broken")
  func staysBroken() {
    var decoder = FrameDecoder(limits: .conversation)
    decoder.append([0x47])
    #expect(throws: WireError.unknownKind(0x47)) { try decoder.next() }
    decoder.append(FrameCodec.encode(Samples.all[0]))
    #expect(throws: WireError.unknownKind(0x47)) { try decoder.next() }
  }

  @Test("wider limits hold for frames that have come already")
  func widen() throws {
    let hello = FrameCodec.encode(Samples.all[0])
    let key = [UInt8](repeating: 0x61, count: 5_000)
    let large = WireMessage.request(Request(id: 1, body: .get(key: key)))
    var decoder = FrameDecoder(limits: .greeting)
    decoder.append(hello + FrameCodec.encode(large))
    #expect(try decoder.next() == Samples.all[0])
    decoder.limits = .conversation
    #expect(try decoder.next() == large)
  }
}

@Suite("No bytes trap")
struct HostileFrameTests {
  @Test(
    "bad documents are refused",
    arguments: [
      "", " ", "{", "}", "[]", "null", "1", "\"a\"", "{\"type\"}", "{\"type\":}",
      "{\"type\":\"get\"",
      "{\"type\":\"get\",}", "{,}", "{\"type\":\"get\" \"id\":\"1\"}", "{type:\"get\"}",
      "{'type':'get'}", "{\"type\":\"get\"}x", "{\"type\":\"get\"}{}", "{\"type\":get}",
      "{\"type\":\"status\",\"id\":1}", "{\"type\":\"status\",\"id\":\"\"}",
      "{\"type\":\"status\",\"id\":\"01\"}", "{\"type\":\"status\",\"id\":\"+1\"}",
      "{\"type\":\"status\",\"id\":\"-1\"}", "{\"type\":\"status\",\"id\":\"1 \"}",
      "{\"type\":\"status\",\"id\":\"18446744073709551616\"}",
      "{\"type\":\"status\",\"id\":\"99999999999999999999\"}",
      "{\"type\":\"status\",\"id\":\"100000000000000000000\"}",
      "{\"type\":\"status\",\"id\":null}", "{\"type\":\"status\"}", "{\"id\":\"1\"}",
      "{\"type\":\"nothing\",\"id\":\"1\"}", "{\"type\":7,\"id\":\"1\"}",
      "{\"type\":\"status\",\"type\":\"status\",\"id\":\"1\"}",
      "{\"type\":\"status\",\"id\":\"1\",\"i\\u0064\":\"2\"}",
      "{\"type\":\"openSession\",\"id\":\"1\",\"shard\":65536}",
      "{\"type\":\"openSession\",\"id\":\"1\",\"shard\":-0}",
      "{\"type\":\"openSession\",\"id\":\"1\",\"shard\":-1}",
      "{\"type\":\"openSession\",\"id\":\"1\",\"shard\":1.0}",
      "{\"type\":\"openSession\",\"id\":\"1\",\"shard\":1e2}",
      "{\"type\":\"openSession\",\"id\":\"1\",\"shard\":1e999}",
      "{\"type\":\"openSession\",\"id\":\"1\",\"shard\":18446744073709551617}",
      "{\"type\":\"openSession\",\"id\":\"1\",\"shard\":00}",
      "{\"type\":\"openSession\",\"id\":\"1\",\"shard\":1.}",
      "{\"type\":\"openSession\",\"id\":\"1\",\"shard\":.1}",
      "{\"type\":\"openSession\",\"id\":\"1\",\"shard\":1e}",
      "{\"type\":\"query\",\"id\":\"1\",\"number\":\"9223372036854775808\"}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":\"\\ud800\"}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":\"\\udc00\\ud800\"}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":\"\\ud800\\u0041\"}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":\"\\ud800\\ud800\"}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":\"\\u12\"}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":\"\\x\"}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":\"\\u00g0\"}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":\"\\",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":\"a\nb\"}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":7}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":{}}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":{\"b64\":\"=\"}}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":{\"b64\":\"YQ\"}}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":{\"b64\":\"YR==\"}}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":{\"b64\":\"Y===\"}}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":{\"b64\":\"YQ==YQ==\"}}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":{\"tail\":[0,5]}}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":{\"tail\":[5,0]}}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":{\"tail\":[9223372036854775807,4294967296]}}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":{\"tail\":[0]}}",
      "{\"type\":\"get\",\"id\":\"1\",\"key\":{\"tail\":[0,1,2]}}",
      #"{"type":"delete","id":"1","key":"a","seq":"1","first":"1","session":"1-2"}"#,
      #"{"type":"delete","id":"1","key":"a","seq":"1","first":"1","session":"1"}"#,
    ])
  func badDocuments(_ json: String) throws {
    #expect(failure(frame(json: Array(json.utf8), tail: [1, 2, 3, 4])) != nil)
  }

  @Test("documents that look odd and are good JSON are read")
  func oddDocuments() throws {
    let spaced =
      " {\n\t\"new\" : [ { \"deep\" : [ null , true, -1.5e+3 , { }, [ ], \"\\ud83d\\ude00\" ] } ]"
      + #" , "key" : "\u0061\/\b\f\n\r\t\"\\\u00e9\ud83d\ude00" , "id":"1","type":"get" } "#
      + "\r\n"
    let key = Array("a/\u{8}\u{C}\n\r\t\"\\é😀".utf8)
    #expect(try decodeJSON(spaced) == .request(Request(id: 1, body: .get(key: key))))
  }

  @Test("invalid UTF-8 is refused wherever it stands")
  func badUTF8() {
    let bad: [[UInt8]] = [
      [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
      [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xE1, 0x80], [0xF0, 0x80, 0x80, 0x80],
      [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF1, 0x80, 0x80], [0xFF], [0xFE],
      [0xE2, 0x28, 0xA1], [0xF0, 0x28, 0x8C, 0x28],
    ]
    for bytes in bad {
      let head = Array("{\"type\":\"get\",\"id\":\"1\",\"key\":\"".utf8)
      #expect(failure(frame(json: head + bytes + Array("\"}".utf8))) != nil, "\(bytes)")
      #expect(failure(frame(json: head + bytes)) != nil, "\(bytes) at the end")
    }
  }

  @Test("depth, width and length are bounded, and cost nothing")
  func bombs() throws {
    for bracket in ["[", "{\"a\":"] {
      let bomb =
        "{\"type\":\"status\",\"id\":\"1\",\"x\":" + String(repeating: bracket, count: 100_000)
      guard case .badJSON(let problem, _) = failure(frame(json: Array(bomb.utf8))) else {
        Issue.record("no error for \(bracket)")
        continue
      }
      #expect(problem == "more than 64 levels")
    }
    let nested =
      "{\"type\":\"status\",\"id\":\"1\",\"x\":" + String(repeating: "[", count: 63)
      + String(repeating: "]", count: 63) + "}"
    #expect(failure(frame(json: Array(nested.utf8))) == nil)
    let wide = "{" + (0..<100).map { "\"f\($0)\":0" }.joined(separator: ",") + "}"
    #expect(
      failure(frame(json: Array(wide.utf8)))
        == .badJSON(problem: "more than 64 fields", offset: 509))
    let head = Array("{\"type\":\"get\",\"id\":\"1\",\"key\":\"".utf8)
    let long = head + [UInt8](repeating: 0x61, count: 10 << 20) + Array("\"}".utf8)
    let message = try decodeOne(frame(json: long))
    guard case .request(let request) = message, case .get(let key) = request.body else {
      Issue.record("not read")
      return
    }
    #expect(key.count == 10 << 20)
  }

  @Test("damaged entries of an AppendEntries are refused")
  func entries() throws {
    let good = FrameCodec.encode(
      Samples.all.first { sample in
        if case .raft(let message) = sample, case .append(let request) = message.body {
          !request.entries.isEmpty
        } else {
          false
        }
      } ?? Samples.all[0])
    let jsonEnd = 16 + Int(length(good, at: 4))
    let json = Array(good[16..<jsonEnd])
    let tail = Array(good[jsonEnd...])
    #expect(failure(frame(kind: 4, json: json, tail: tail)) == nil)
    for cut in 0..<tail.count {
      #expect(failure(frame(kind: 4, json: json, tail: Array(tail[..<cut]))) != nil)
    }
    #expect(failure(frame(kind: 4, json: json, tail: tail + [0])) != nil)
    var badKind = tail
    badKind[0] = 9
    #expect(failure(frame(kind: 4, json: json, tail: badKind)) != nil)
    var badLength = tail
    for byte in 25..<29 { badLength[byte] = 0xFF }
    #expect(failure(frame(kind: 4, json: json, tail: badLength)) != nil)
    var badIndex = tail
    badIndex[16] = 0x80
    #expect(failure(frame(kind: 4, json: json, tail: badIndex)) != nil)
    let many = Array("{\"entries\":9223372036854775807,".utf8) + json.dropFirst()
    #expect(failure(frame(kind: 4, json: many, tail: tail)) != nil)
  }

  @Test("random bytes and random changes of good documents give messages or errors")
  func fuzz() {
    var random = SeededGenerator(seed: 20_26)
    for _ in 0..<3_000 {
      let bytes = (0..<random.next(in: 0...200)).map { _ in UInt8(truncatingIfNeeded: random.next())
      }
      _ = failure(bytes)
      _ = failure(frame(kind: UInt8(random.next(in: 1...6)), json: bytes, tail: bytes))
    }
    let samples = Samples.all.map { FrameCodec.encode($0) }.filter { $0.count < 4_000 }
    let pieces = [
      "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "-", "1e999", "null", "\u{0}",
    ]
    var accepted = 0
    for _ in 0..<20_000 {
      let bytes = samples[random.next(in: 0..<samples.count)]
      let jsonEnd = 16 + Int(length(bytes, at: 4))
      var json = Array(bytes[16..<jsonEnd])
      var tail = Array(bytes[jsonEnd...])
      for _ in 0..<random.next(in: 1...3) {
        let position = random.next(in: 0..<max(1, json.count))
        switch random.next(in: 0...5) {
        case 0 where !json.isEmpty: json[position] = UInt8(truncatingIfNeeded: random.next())
        case 1 where !json.isEmpty: json.remove(at: position)
        case 2:
          json.insert(
            contentsOf: Array(pieces[random.next(in: 0..<pieces.count)].utf8),
            at: min(position, json.count))
        case 3: json.removeLast(json.count - min(position, json.count))
        case 4 where !tail.isEmpty:
          tail[random.next(in: 0..<tail.count)] = UInt8(truncatingIfNeeded: random.next())
        default:
          let end = random.next(in: min(position, json.count)...json.count)
          json.insert(
            contentsOf: Array(json[min(position, json.count)..<end]), at: min(position, json.count))
        }
      }
      if failure(frame(kind: bytes[0], json: json, tail: tail)) == nil { accepted += 1 }
    }
    #expect(100..<15_000 ~= accepted)
  }
}
