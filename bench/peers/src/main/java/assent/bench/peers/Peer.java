package assent.bench.peers;

import jakarta.transaction.TransactionManager;
import org.postgresql.xa.PGXADataSource;

/** A transaction manager, with what its users set up around it. */
interface Peer extends AutoCloseable {
  TransactionManager transactions();

  /** Whether its log is forced by {@code FileChannel.force}, which can be counted. */
  boolean forcesChannels();

  /** A pool of so many XA connections, all of them open. */
  Bank bank(String name, PGXADataSource source, int connections) throws Exception;

  /** Transactions of two resources that do nothing. */
  Work idle() throws Exception;

  @Override
  void close();
}
