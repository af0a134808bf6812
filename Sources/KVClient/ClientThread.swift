import Clerk
import EventLoop
import Wire

/// What the tasks tell the client's thread.
enum ClientCommand: Sendable {
  case submit(ClientRequest)
  case cancel(UInt64)
  case close
}

/// A request on its way to the client's thread.
struct ClientRequest: Sendable {
  var number: UInt64
  var operation: ClerkOperation
  var isWrite: Bool
  var deadline: UInt64
  var continuation: CheckedContinuation<Result<Reply.Body, KVClientError>, Never>
}

/// The thread of one ``KVClient``: the clerk, its loop, and who waits for what. Made and used
/// inside that thread.
final class ClientThread {
  private let engine: ClerkLoop
  private let mailbox: Mailbox<ClientCommand>
  private let pendingMax: Int
  private var waiting: [UInt64: (id: OperationID, request: ClientRequest)] = [:]
  private var isClosed = false

  init(endpoints: [String], mailbox: Mailbox<ClientCommand>, pendingMax: Int) {
    var settings = ClerkSettings()
    settings.operationsMax = pendingMax
    engine = ClerkLoop(endpoints: endpoints, settings: settings)
    self.mailbox = mailbox
    self.pendingMax = pendingMax
    engine.watch(mailbox.wakeup)
  }

  func run() {
    while !isClosed {
      engine.wait()
      for command in mailbox.takeAll() {
        switch command {
        case .submit(let request): submit(request)
        case .cancel(let number): cancel(number, .cancelled, "the task was cancelled")
        case .close: isClosed = true
        }
      }
      engine.work()
    }
    for number in waiting.keys.sorted() { cancel(number, .shutDown, "the client was closed") }
  }

  private func submit(_ request: ClientRequest) {
    guard waiting.count < pendingMax else {
      request.continuation.resume(
        returning: .failure(
          KVClientError(.overloaded, "\(pendingMax) requests of this client wait already")))
      return
    }
    let number = request.number
    let id = engine.submit(request.operation, deadline: request.deadline) { [unowned self] in
      finish(number, $0)
    }
    waiting[number] = (id, request)
  }

  private func finish(_ number: UInt64, _ outcome: ClerkOutcome) {
    guard let (_, request) = waiting.removeValue(forKey: number) else { return }
    switch outcome {
    case .reply(let body): request.continuation.resume(returning: .success(body))
    case .failed(let error): request.continuation.resume(returning: .failure(KVClientError(error)))
    }
  }

  /// Ends a request early. A write that was submitted may have been sent, so it may be applied.
  private func cancel(_ number: UInt64, _ code: KVClientError.Code, _ message: String) {
    guard let (id, request) = waiting.removeValue(forKey: number) else { return }
    engine.cancel(id)
    request.continuation.resume(
      returning: .failure(KVClientError(code, message, mayHaveBeenApplied: request.isWrite)))
  }
}

extension KVClientError {
  /// What the clerk gave up with.
  init(_ error: ClerkError) {
    let code: Code =
      switch error.code {
      case .unavailable: .unavailable
      case .outcomeUnknown: .outcomeUnknown
      case .noRoom: .noRoom
      case .invalid: .invalid
      }
    self.init(
      code, error.message, endpoint: error.endpoint, attempts: error.attempts,
      mayHaveBeenApplied: error.mayHaveBeenApplied)
  }
}
