/// A connection as CLIENT LIST shows it.
package struct ClientDescription: Hashable, Sendable {
  /// What the loop knows of it.
  package struct Link: Hashable, Sendable {
    /// `host:port` of the client.
    package var address: [UInt8]
    /// `host:port` that it connected to.
    package var localAddress: [UInt8]
    package var descriptor: Int32 = -1
    package var ageSeconds: Int64 = 0
    package var idleSeconds: Int64 = 0
    /// Received and not carried out.
    package var inputBytes = 0
    /// Not sent yet.
    package var outputBytes = 0

    package init(address: [UInt8], localAddress: [UInt8]) {
      self.address = address
      self.localAddress = localAddress
    }
  }

  package let id: Int64
  package let link: Link
  package let isAuthenticated: Bool
  let name: [UInt8]
  let libraryName: [UInt8]
  let libraryVersion: [UInt8]
  let flags: String
  /// Commands between MULTI and EXEC; `nil` outside.
  let queued: Int?
  let queuedBytes: Int
  let command: String
  let version: Int

  package var address: [UInt8] { link.address }
  package var localAddress: [UInt8] { link.localAddress }

  /// Its line, with the end of the line. Fields that Redis has and that mean nothing here are 0.
  package var line: [UInt8] {
    var bytes: [UInt8] = []
    func add(_ text: String) { bytes += Array(text.utf8) }
    add("id=\(id) addr=")
    bytes += link.address
    add(" laddr=")
    bytes += link.localAddress
    add(" fd=\(link.descriptor) name=")
    bytes += name
    add(" age=\(link.ageSeconds) idle=\(link.idleSeconds) flags=\(flags) db=0 sub=0 psub=0 ssub=0")
    add(" multi=\(queued ?? -1) qbuf=\(link.inputBytes) qbuf-free=0 argv-mem=0")
    add(" multi-mem=\(queuedBytes) rbs=0 rbp=0 obl=\(link.outputBytes) oll=0 omem=0")
    add(" tot-mem=\(link.inputBytes + link.outputBytes + queuedBytes) events=r cmd=\(command)")
    add(" user=")
    bytes += isAuthenticated ? RedisSession.userName : Array("(superuser)".utf8)
    add(" redir=-1 resp=\(version) lib-name=")
    bytes += libraryName
    add(" lib-ver=")
    bytes += libraryVersion
    bytes.append(0x0A)
    return bytes
  }
}
