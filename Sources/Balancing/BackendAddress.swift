/// Where a backend listens: an IP address or a name, and a port.
///
/// Two spellings of one IP address are the same address. The order is IPv4 by number, then IPv6 by
/// number, then names by their text, and the port last, so that it is the same everywhere.
package struct BackendAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
  package enum Host: Hashable, Comparable, Sendable {
    case v4(UInt32)
    case v6(UInt128)
    /// What is no IP address: a host's name, or any other text.
    case name(String)
  }

  package let host: Host
  /// 0 if the text has none.
  package let port: UInt16
  /// `10.0.0.1:80`, `[::1]:80`, `host:80`, in one spelling for each address; without a port only
  /// the host.
  package let text: String

  /// Reads `host:port`, with brackets around IPv6; a text of another form is taken as a name
  /// without a port.
  package init(_ text: String) {
    let (host, port) = Self.split(text)
    self.init(host: host, port: port)
  }

  package init(host: Host, port: UInt16) {
    self.host = host
    self.port = port
    let name = Self.text(of: host)
    if port == 0 {
      text = name
    } else if case .v6 = host {
      text = "[\(name)]:\(port)"
    } else {
      text = "\(name):\(port)"
    }
  }

  package var description: String { text }

  /// The host alone, IPv6 without brackets and in its shortest form (RFC 5952).
  package var hostText: String { Self.text(of: host) }

  package static func < (left: Self, right: Self) -> Bool {
    left.host == right.host ? left.port < right.port : left.host < right.host
  }

  private static func split(_ text: String) -> (Host, UInt16) {
    if let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
      port > 0
    {
      let host = text[..<colon]
      if host.first == "[", host.last == "]", let number = v6(host.dropFirst().dropLast()) {
        return (.v6(number), port)
      }
      if let number = v4(host) { return (.v4(number), port) }
      if !host.isEmpty, !host.contains(where: { ":[]".contains($0) }) {
        return (.name(String(host)), port)
      }
    }
    if let number = v4(text[...]) { return (.v4(number), 0) }
    if let number = v6(text[...]) { return (.v6(number), 0) }
    return (.name(text), 0)
  }

  /// Four decimal numbers without leading zeros.
  private static func v4(_ text: Substring) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var result: UInt32 = 0
    for part in parts {
      guard let number = UInt8(part), String(number) == part else { return nil }
      result = result << 8 | UInt32(number)
    }
    return result
  }

  /// Eight groups of hexadecimal digits, of which one run of zeros may be left out.
  private static func v6(_ text: Substring) -> UInt128? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count >= 3, parts.count <= 9 else { return nil }
    let middle = parts.indices.dropFirst().dropLast().filter { parts[$0].isEmpty }
    guard middle.count <= 1 else {
      return text == "::" ? 0 : nil
    }
    guard let gap = middle.first else { return parts.count == 8 ? number(parts[...]) : nil }
    let head = gap == 1 && parts[0].isEmpty ? parts[..<0] : parts[..<gap]
    let last = parts.count - 1
    let tail = gap == last - 1 && parts[last].isEmpty ? parts[last..<last] : parts[(gap + 1)...]
    guard head.count + tail.count < 8, let high = number(head), let low = number(tail) else {
      return nil
    }
    return (head.isEmpty ? 0 : high << UInt128(16 * (8 - head.count))) | low
  }

  private static func number(_ groups: ArraySlice<Substring>) -> UInt128? {
    var result: UInt128 = 0
    for group in groups {
      guard (1...4).contains(group.utf8.count), group.first != "+",
        let number = UInt16(group, radix: 16)
      else { return nil }
      result = result << 16 | UInt128(number)
    }
    return result
  }

  private static func text(of host: Host) -> String {
    switch host {
    case .name(let name): return name
    case .v4(let number):
      return "\(number >> 24).\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
    case .v6(let number):
      let groups = (0..<8).map { UInt16(truncatingIfNeeded: number >> UInt128(16 * (7 - $0))) }
      func joined(_ part: ArraySlice<UInt16>) -> String {
        part.map { String($0, radix: 16) }.joined(separator: ":")
      }
      guard let zeros = longestZeros(groups) else { return joined(groups[...]) }
      return joined(groups[..<zeros.lowerBound]) + "::" + joined(groups[zeros.upperBound...])
    }
  }

  /// The first of the longest runs of at least two zeros.
  private static func longestZeros(_ groups: [UInt16]) -> Range<Int>? {
    var best: Range<Int>?
    var begin = 0
    for (index, group) in groups.enumerated() {
      if group != 0 {
        begin = index + 1
      } else if index - begin + 1 >= max(2, (best?.count ?? 0) + 1) {
        best = begin..<index + 1
      }
    }
    return best
  }
}
