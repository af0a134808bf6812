import Basics

/// The constants of a ``Clerk``; times in nanoseconds.
package struct ClerkSettings: Sendable {
  /// Without a reply for this long another replica is asked.
  package var attemptTimeout = 1_000 * nanosecondsPerMillisecond
  /// The pause before asking again what was refused for now; drawn anew each time, and up to eight
  /// times longer when the refusals go on.
  package var pause = 10 * nanosecondsPerMillisecond...40 * nanosecondsPerMillisecond
  /// The pause before connecting again to an address that failed; up to eight times longer when it
  /// goes on saying nothing.
  package var reconnect = 20 * nanosecondsPerMillisecond...200 * nanosecondsPerMillisecond
  /// How long an address that said nothing is left alone while there are others: the first time,
  /// and the longest after doublings.
  package var rest = 1_000 * nanosecondsPerMillisecond...10_000 * nanosecondsPerMillisecond
  /// The pause before asking for the newest configuration, drawn anew each time, and up to sixteen
  /// times longer while there is none that is newer.
  package var refresh = 20 * nanosecondsPerMillisecond...60 * nanosecondsPerMillisecond
  /// Operations under way; more fail at once as unavailable.
  package var operationsMax = 65_536
  /// Numbers of one session between the first unanswered and the newest; more writes wait. Below
  /// the number of answers that a server keeps for a session.
  package var sessionWindow: UInt64 = 256
  /// Requests without a reply on one connection; more wait.
  package var requestsPerLinkMax = 1_024
  /// Addresses that are remembered; leader hints beyond them are ignored.
  package var endpointsMax = 4_096
  /// Bytes of addresses in one control command.
  package var controlBytesMax = 1 << 20

  package var bugs: PlantedBugs = []

  package init() {}
}
