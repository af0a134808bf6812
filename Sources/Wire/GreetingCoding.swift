import Basics
import ShardMap

extension Hello {
  func write(to bytes: inout [UInt8]) {
    var writer = FrameWriter(.hello, takingOver: &bytes, reserving: 256)
    writer.open("hello")
    writer.number("minVersion", versions.lowerBound)
    writer.number("maxVersion", versions.upperBound)
    if let cluster { writer.identity("cluster", cluster) }
    if let replica {
      writer.object("replica") { writer in
        writer.number("group", replica.group.rawValue)
        writer.identity("identity", replica.identity)
        writer.identity("from", replica.from)
        writer.identity("to", replica.to)
        if replica.incarnation != .unknown {
          writer.identity("incarnation", replica.incarnation)
        }
        if !replica.address.isEmpty { writer.text("address", replica.address) }
      }
    }
    writer.finish(into: &bytes)
  }

  init(_ object: JSONObject) throws(WireError) {
    let first = try object.int("minVersion", max: Int(UInt16.max))
    let last = try object.int("maxVersion", max: Int(UInt16.max))
    guard first <= last else {
      throw .badField("maxVersion", problem: "is less than \"minVersion\"")
    }
    self.init(
      versions: first...last,
      cluster: object.has("cluster") ? try object.identity("cluster") : nil,
      replica: object.has("replica") ? try ReplicaHello(object.object("replica")) : nil)
  }
}

extension ReplicaHello {
  init(_ object: JSONObject) throws(WireError) {
    self.init(
      group: try object.group("group"), identity: try object.identity("identity"),
      from: try object.identity("from"), to: try object.identity("to"),
      incarnation: object.has("incarnation") ? try object.identity("incarnation") : .unknown,
      address: try object.optionalText("address") ?? "")
  }
}

extension Welcome {
  func write(to bytes: inout [UInt8]) {
    var writer = FrameWriter(.welcome, takingOver: &bytes, reserving: 256)
    writer.open("welcome")
    writer.number("version", version)
    writer.identity("cluster", cluster)
    writer.number("group", group.rawValue)
    writer.identity("identity", identity)
    writer.identity("replica", replica)
    if incarnation != .unknown { writer.identity("incarnation", incarnation) }
    writer.finish(into: &bytes)
  }

  init(_ object: JSONObject) throws(WireError) {
    self.init(
      version: try object.int("version", max: Int(UInt16.max)),
      cluster: try object.identity("cluster"), group: try object.group("group"),
      identity: try object.identity("identity"), replica: try object.identity("replica"),
      incarnation: object.has("incarnation") ? try object.identity("incarnation") : .unknown)
  }
}
