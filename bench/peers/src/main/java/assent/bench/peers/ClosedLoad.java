package assent.bench.peers;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/** Keeps so many transactions going, each in a thread of its own, up to a limit. */
final class ClosedLoad {
  /** The turns go on from load to load, so that all accounts are used. */
  private static long firstTurn = 0;

  private final Work work;
  private final int inFlight;
  private final long count;
  private final long endNanoseconds;
  private final AtomicLong begun = new AtomicLong();
  private final AtomicLong ended = new AtomicLong();
  private final AtomicLong lastTurn = new AtomicLong(firstTurn);
  private final AtomicReference<Throwable> failed = new AtomicReference<>();

  private ClosedLoad(Work work, int inFlight, long count, long endNanoseconds) {
    this.work = work;
    this.inFlight = inFlight;
    this.count = count;
    this.endNanoseconds = endNanoseconds;
  }

  /** Answers a line of JSON. Throws what a transaction threw. */
  static String run(Peer peer, Work work, int inFlight, double seconds, long count)
      throws Exception {
    try (ForcedWrites forced = ForcedWrites.countOf(peer)) {
      long cpu = cpuNanoseconds();
      long start = System.nanoTime();
      ClosedLoad load = new ClosedLoad(work, inFlight, count, start + (long) (seconds * 1e9));
      load.runLanes();
      return String.format(
          Locale.ROOT,
          "{\"transactions\":%d,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"forcedWrites\":%s}",
          load.ended.get(),
          (System.nanoTime() - start) / 1e9,
          (cpuNanoseconds() - cpu) / 1e9,
          forced.soFar());
    }
  }

  private void runLanes() throws Exception {
    Thread[] threads = new Thread[inFlight];
    for (int number = 0; number < inFlight; number += 1) {
      int lane = number;
      threads[lane] = new Thread(() -> runLane(lane), "lane-" + lane);
      threads[lane].start();
    }
    for (Thread thread : threads) thread.join();
    firstTurn = lastTurn.get();
    if (failed.get() != null) throw new Exception(failed.get());
  }

  private void runLane(int lane) {
    try {
      long turn = firstTurn;
      while (System.nanoTime() < endNanoseconds
          && failed.get() == null
          && begun.getAndIncrement() < count) {
        work.run(lane, inFlight, turn);
        turn += 1;
        ended.incrementAndGet();
      }
      lastTurn.accumulateAndGet(turn, Math::max);
    } catch (Throwable failure) {
      failed.compareAndSet(null, failure);
    }
  }

  /** Of the whole process, all its threads, those of the compiler and the collector among them. */
  private static long cpuNanoseconds() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }
}
