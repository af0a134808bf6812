/// Why a request of a ``KVClient`` did not do what it was asked.
public struct KVClientError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of failure it was. More may be added; a `switch` needs a `default`.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    private enum Name: String {
      case unavailable, outcomeUnknown, invalid, noRoom, overloaded, shutDown, cancelled
    }
    private let name: Name
    private init(_ name: Name) { self.name = name }

    /// Nobody answered in time. It was certainly not applied: it may be asked again.
    public static let unavailable = Code(.unavailable)
    /// It was sent and not answered in time. A write may have been applied, or may still be.
    public static let outcomeUnknown = Code(.outcomeUnknown)
    /// It can never succeed; the message says why. It was not applied.
    public static let invalid = Code(.invalid)
    /// The disks of the group that has the key are too full for it. It was not applied; reads and
    /// deletes are served, and this again as soon as there is room.
    public static let noRoom = Code(.noRoom)
    /// Too many requests of this client wait already. It was not sent.
    public static let overloaded = Code(.overloaded)
    /// The client was closed before the answer came.
    public static let shutDown = Code(.shutDown)
    /// The task was cancelled before the answer came.
    public static let cancelled = Code(.cancelled)

    public var description: String { name.rawValue }
  }

  public let code: Code
  /// For people: what happened, and what to do.
  public let message: String
  /// The `host:port` that was asked last, where one was.
  public let endpoint: String?
  /// How often it was sent.
  public let attempts: Int
  /// Whether the change that was asked for may have happened all the same.
  public let mayHaveBeenApplied: Bool

  init(
    _ code: Code, _ message: String, endpoint: String? = nil, attempts: Int = 0,
    mayHaveBeenApplied: Bool = false
  ) {
    self.code = code
    self.message = message
    self.endpoint = endpoint
    self.attempts = attempts
    self.mayHaveBeenApplied = mayHaveBeenApplied
  }

  public var description: String {
    let place = endpoint.map { " (\($0))" } ?? ""
    return "\(code): \(message)\(place)"
  }
}
