package assent.bench.peers;

/** One transaction after the other. */
interface Work {
  /** Returns when it is committed; {@code lane} tells those that run at the same time apart. */
  void run(int lane, int lanes, long turn) throws Exception;
}
