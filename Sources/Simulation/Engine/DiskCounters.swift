/// Faults of disks that made a difference.
package struct DiskCounters: Sendable {
  /// Processes that ended, or could not start, for lack of room.
  package var fullStops = 0
  package var readStalls = 0
  /// Disks whose bytes changed by themselves, and how many of them were refused for it.
  package var damages = 0
  package var refusals = 0

  package init() {}
}
