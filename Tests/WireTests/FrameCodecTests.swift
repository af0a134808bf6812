import Basics
import Checksums
import Foundation
import Testing
import Wire

/// The JSON document of a frame as Foundation reads it.
func document(_ frame: [UInt8]) throws -> [String: Any] {
  let json = Data(frame[16..<16 + Int(length(frame, at: 4))])
  return try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
}

func length(_ frame: [UInt8], at offset: Int) -> UInt32 {
  (0..<4).reduce(UInt32(0)) { $0 | UInt32(frame[offset + $1]) << (8 * $1) }
}

/// A frame around any JSON and tail, with a good checksum.
/// The first 12 bytes of a frame, whose check is right whatever the lengths are.
func frameHead(kind: UInt8 = 5, version: UInt8 = 1, json: Int, tail: Int) -> [UInt8] {
  func little(_ value: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
  let lengths = little(json) + little(tail)
  let check = CRC32C.checksum([kind, version] + lengths)
  return [kind, version, UInt8(check & 0xFF), UInt8(check >> 8 & 0xFF)] + lengths
}

func frame(kind: UInt8 = 5, version: UInt8 = 1, json: [UInt8], tail: [UInt8] = []) -> [UInt8] {
  func little(_ value: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
  let head = frameHead(kind: kind, version: version, json: json.count, tail: tail.count)
  let sum = CRC32C.checksum(head + json + tail)
  return head + little(Int(sum)) + json + tail
}

func decodeOne(_ bytes: [UInt8]) throws(WireError) -> WireMessage? {
  var decoder = FrameDecoder(limits: .conversation)
  decoder.append(bytes)
  return try decoder.next()
}

func decodeJSON(_ json: String, kind: UInt8 = 5, tail: [UInt8] = []) throws(WireError)
  -> WireMessage?
{
  try decodeOne(frame(kind: kind, json: Array(json.utf8), tail: tail))
}

@Suite("Frames carry every message")
struct FrameCodecTests {
  @Test("a message comes back as it was")
  func roundTrip() throws {
    for (number, message) in Samples.all.enumerated() {
      let isSame = try decodeOne(FrameCodec.encode(message)) == message
      #expect(isSame, "sample \(number)")
    }
  }

  @Test("Foundation reads the documents, and its own writing of them reads back the same")
  func foundationAgrees() throws {
    for message in Samples.all {
      let bytes = FrameCodec.encode(message)
      let object = try document(bytes)
      #expect(object["type"] is String)
      for options: JSONSerialization.WritingOptions in [[], .prettyPrinted, .sortedKeys] {
        let rewritten = try JSONSerialization.data(withJSONObject: object, options: options)
        let tail = Array(bytes[(16 + Int(length(bytes, at: 4)))...])
        let again = frame(kind: bytes[0], json: Array(rewritten), tail: tail)
        let isSame = try decodeOne(again) == message
        #expect(isSame, "type \(object["type"] ?? "")")
      }
    }
  }

  @Test("every string that Foundation writes is read, and every one of ours is read by it")
  func strings() throws {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<2_000 {
      var text = ""
      for _ in 0..<random.next(in: 0...40) {
        let limit = [0x30, 0x80, 0x800, 0x1_0000, 0x11_0000][random.next(in: 0...4)]
        if let scalar = Unicode.Scalar(UInt32(random.next(in: 0..<limit))) {
          text.unicodeScalars.append(scalar)
        }
      }
      let key = Array(text.utf8)
      let message = WireMessage.request(Request(id: 1, body: .get(key: key)))
      let ours = try document(FrameCodec.encode(message))
      #expect((ours["key"] as? String).map { Array($0.utf8) } == key)
      let theirs = try JSONSerialization.data(
        withJSONObject: ["type": "get", "id": "1", "key": text])
      #expect(try decodeOne(frame(json: Array(theirs))) == message)
    }
  }

  @Test("bytes that are not UTF-8 are base64 as Foundation has it, at every length")
  func base64() throws {
    for count in 0..<70 {
      let key = [0xC0] + (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
      let message = WireMessage.request(Request(id: 1, body: .get(key: key)))
      let bytes = FrameCodec.encode(message)
      let object = try document(bytes)
      let field = try #require(object["key"] as? [String: String])
      #expect(field["b64"] == Data(key).base64EncodedString())
      #expect(try decodeOne(bytes) == message)
    }
  }

  @Test("a put is readable by a person")
  func readable() throws {
    let body = Request.Body.write(
      Samples.write, key: Array("a".utf8), .put(value: Array("b".utf8)))
    let bytes = FrameCodec.encode(.request(Request(id: 12, body: body)))
    let json = String(decoding: bytes[16...], as: UTF8.self)
    #expect(
      json == #"{"type":"put","id":"12","key":"a","value":"b","#
        + #""session":"1763697600000-9f86d081884c7d65","seq":"7","first":"5"}"#)
  }

  @Test("long values stand in the tail as they are")
  func tail() throws {
    let value = [UInt8](repeating: 0x62, count: 6_000)
    let body = Request.Body.write(
      Samples.write, key: Array("k".utf8), .compareAndSet(expected: value, value: value + [1]))
    let bytes = FrameCodec.encode(.request(Request(id: 1, body: body)))
    #expect(length(bytes, at: 8) == 12_001)
    #expect(Array(bytes.suffix(12_001)) == value + value + [1])
    let field = try #require(try document(bytes)["value"] as? [String: [Int]])
    #expect(field["tail"] == [6_000, 6_001])
  }

  @Test("parts of a state that no replica has are refused")
  func hostileStates() throws {
    func parts(_ numbers: [UInt32]) -> [UInt8] {
      numbers.flatMap { number in
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
          + [UInt8](repeating: 7, count: 8)
      }
    }
    func read(_ tail: [UInt8], format: String = "1") throws -> WireMessage? {
      try decodeJSON(
        #"{"type":"state","index":"8","format":\#(format),"parts":{"tail":[0,\#(tail.count)]}}"#,
        kind: 4, tail: tail)
    }
    #expect(try read(parts([0, 4_096])) != nil)
    #expect(throws: WireError.self) { try read(parts([0, 4_097])) }
    #expect(throws: WireError.self) { try read(parts([3, 3])) }
    #expect(throws: WireError.self) { try read(parts([4, 3])) }
    #expect(throws: WireError.self) { try read(parts([0, .max])) }
    #expect(throws: WireError.self) { try read(Array(parts([0, 1]).dropLast())) }
    #expect(throws: WireError.self) { try read(parts(Array(0...5_000))) }
    #expect(throws: WireError.self) { try read(parts([0]), format: "65536") }
  }

  @Test("a goodbye fits the smallest limit whatever its reason is")
  func goodbyeFits() throws {
    let reason = String(repeating: "\u{1}", count: 5_000)
    var decoder = FrameDecoder(limits: .greeting)
    decoder.append(FrameCodec.encode(.goodbye(reason: reason)))
    #expect(try decoder.next() == .goodbye(reason: String(repeating: "\u{1}", count: 500)))
  }
}
