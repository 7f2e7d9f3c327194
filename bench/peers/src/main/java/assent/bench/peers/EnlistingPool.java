package assent.bench.peers;

import jakarta.transaction.Status;
import jakarta.transaction.Synchronization;
import jakarta.transaction.Transaction;
import jakarta.transaction.TransactionManager;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import javax.sql.XAConnection;
import javax.transaction.xa.XAResource;
import org.postgresql.xa.PGXADataSource;

/** A pool for a transaction manager that brings none: as small as it can be, so as fast. */
final class EnlistingPool implements Bank {
  private final TransactionManager transactions;
  private final BlockingQueue<XAConnection> free;

  private EnlistingPool(TransactionManager transactions, BlockingQueue<XAConnection> free) {
    this.transactions = transactions;
    this.free = free;
  }

  static EnlistingPool open(TransactionManager transactions, PGXADataSource source, int size)
      throws SQLException {
    BlockingQueue<XAConnection> free = new ArrayBlockingQueue<>(size);
    for (int count = 0; count < size; count += 1) free.add(source.getXAConnection());
    return new EnlistingPool(transactions, free);
  }

  @Override
  public Connection connection() throws Exception {
    XAConnection connection = free.take();
    Transaction transaction = transactions.getTransaction();
    transaction.registerSynchronization(new Return(connection));
    XAResource resource = connection.getXAResource();
    if (!transaction.enlistResource(resource)) throw new SQLException("not enlisted");
    return connection.getConnection();
  }

  /** Gives the connection back once the transaction is over. */
  private final class Return implements Synchronization {
    private final XAConnection connection;

    Return(XAConnection connection) {
      this.connection = connection;
    }

    @Override
    public void beforeCompletion() {}

    @Override
    public void afterCompletion(int status) {
      // Whatever state a failure leaves it in is nobody else's to find: the run ends with it.
      if (status == Status.STATUS_COMMITTED) free.add(connection);
    }
  }
}
