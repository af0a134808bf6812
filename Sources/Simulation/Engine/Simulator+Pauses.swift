extension Simulator {
  /// Stops the process as SIGSTOP does.
  package func pause(_ host: SimulatedHost) {
    guard host.isUp else { return }
    trace("\(host.name) is paused")
    host.isPaused = true
  }

  package func resume(_ host: SimulatedHost) {
    guard host.isPaused else { return }
    trace("\(host.name) goes on")
    host.isPaused = false
    host.isMailSplit = splitsMailAfterPauses
    scheduleTurn(host)
    resumeBackground(host)
  }
}
