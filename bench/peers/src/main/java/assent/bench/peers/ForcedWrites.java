package assent.bench.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordingFile;

/**
 * Counts how often the process forced a file to disk, by the Java runtime's own record of it: proof that
 * a log is forced, and how many transactions share a write. The runtime records
 * {@code FileChannel.force}; what is forced in another way is not seen.
 */
final class ForcedWrites implements AutoCloseable {
  private static final String EVENT = "jdk.FileForce";

  private final Recording recording;

  private ForcedWrites(Recording recording) {
    this.recording = recording;
  }

  static ForcedWrites countOf(Peer peer) {
    if (!peer.forcesChannels() || !FlightRecorder.isAvailable()) return new ForcedWrites(null);
    Recording recording = new Recording();
    recording.enable(EVENT).withThreshold(Duration.ZERO).withoutStackTrace();
    recording.start();
    return new ForcedWrites(recording);
  }

  /** As JSON: null where nobody can tell. */
  String soFar() throws IOException {
    if (recording == null) return "null";
    recording.stop();
    Path dump = Files.createTempFile("assent-bench-", ".jfr");
    try {
      recording.dump(dump);
      long count = 0;
      try (RecordingFile events = new RecordingFile(dump)) {
        while (events.hasMoreEvents()) {
          if (events.readEvent().getEventType().getName().equals(EVENT)) count += 1;
        }
      }
      return Long.toString(count);
    } finally {
      Files.delete(dump);
    }
  }

  @Override
  public void close() {
    if (recording != null) recording.close();
  }
}
