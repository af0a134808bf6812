/// Faults of disks that made a difference.
package struct DiskCounters: Sendable {
  /// Processes that ended, or could not start, for lack of room.
  package var fullStops = 0
  /// Threads of a journal that waited for room for a file.
  package var waitsForRoom = 0
  package var backgroundStalls = 0
  /// Disks whose bytes changed by themselves, and how many of them were refused for it.
  package var damages = 0
  package var flippedBits = 0
  package var cutOffFiles = 0
  package var refusals = 0
  /// Folders that were lost, and how often a process with a new one or none was refused.
  package var wipes = 0
  package var wipedRefusals = 0
  /// Writes that landed at a wrong place.
  package var misdirected = 0
  /// Damaged disks that a process started on and was none the worse for, and those that it had to
  /// ask its group for what was missing.
  package var harmless = 0
  package var repairs = 0

  package init() {}
}
