import Glibc

/// The same program with the same arguments in the place of this one: whoever watches the process
/// sees the same, and nothing that was in its memory is left. Its descriptors close by themselves,
/// the locked one among them.
enum Restart {
  /// Comes back only if the system refuses, with what to say then.
  static func failure() -> Failure {
    // What is blocked stays blocked, and a start must be able to be interrupted.
    var none = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, nil)
    // The program that runs, though another may have its name by now.
    execv("/proc/self/exe", CommandLine.unsafeArgv)
    let reason = String(cString: strerror(errno))
    return Failure(
      .internalError,
      "the system does not let this process start again (\(reason)): start it, and it gets its "
        + "state anew from its group")
  }
}
