import Foundation
import Testing
import Wire

/// Holds `docs/WIRE.md` against the codec.
@Suite("The documentation of the wire is true")
struct DocumentationTests {
  /// The fenced blocks of the page: what stands behind the fence, and the lines.
  private func blocks() throws -> [(info: String, lines: [String])] {
    let page = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../docs/WIRE.md").standardizedFileURL
    var blocks: [(info: String, lines: [String])] = []
    var isInside = false
    for line in try String(contentsOf: page, encoding: .utf8).components(separatedBy: "\n") {
      if line.hasPrefix("```") {
        isInside.toggle()
        if isInside { blocks.append((String(line.dropFirst(3)), [])) }
      } else if isInside {
        blocks[blocks.count - 1].lines.append(line)
      }
    }
    return blocks
  }

  @Test("each example is read, and written again as it stands there")
  func examples() throws {
    var types: Set<String> = []
    for block in try blocks() {
      guard let kind = UInt8(block.info.replacing("json kind=", with: "")) else { continue }
      for line in block.lines {
        let fields = try #require(
          try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        types.insert("\(kind) \(fields["type"] ?? "")")
        let message = try #require(
          try decodeOne(frame(kind: kind, json: Array(line.utf8), tail: tail(fields))))
        let written = FrameCodec.encode(message)
        let json = String(
          decoding: written[16..<16 + Int(length(written, at: 4))], as: UTF8.self)
        #expect(json == line)
      }
    }
    let all = try Samples.all.map { sample in
      let bytes = FrameCodec.encode(sample)
      return "\(bytes[0]) \(try document(bytes)["type"] ?? "")"
    }
    #expect(Set(all).subtracting(types).isEmpty)
  }

  /// Any tail that fits the document: empty entries, or zeros.
  private func tail(_ fields: [String: Any]) -> [UInt8] {
    var count = (fields["entries"] as? Int ?? 0) * 29
    for value in fields.values {
      if let range = (value as? [String: Any])?["tail"] as? [Int] { count += range.reduce(0, +) }
    }
    return [UInt8](repeating: 0, count: count)
  }

  @Test("the frame in hexadecimal is the one that is written")
  func hexadecimal() throws {
    let block = try #require(try blocks().first { $0.info == "hex" })
    let bytes = block.lines.flatMap { $0.split(separator: " ").compactMap { UInt8($0, radix: 16) } }
    let message = WireMessage.request(Request(id: 12, body: .get(key: Array("a".utf8))))
    #expect(FrameCodec.encode(message) == bytes)
  }
}
