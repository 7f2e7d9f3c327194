package assent.bench.peers;

import java.sql.Connection;

/** A database, of whose pool the transaction of this thread takes connections. */
interface Bank {
  /**
   * A connection that takes part in the transaction. It is closed when its work is done, and free for
   * others when the transaction is over.
   */
  Connection connection() throws Exception;
}
