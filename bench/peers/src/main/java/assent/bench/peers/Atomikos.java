package assent.bench.peers;

import com.atomikos.datasource.xa.XATransactionalResource;
import com.atomikos.icatch.config.Configuration;
import com.atomikos.icatch.jta.UserTransactionManager;
import com.atomikos.jdbc.AtomikosDataSourceBean;
import jakarta.transaction.TransactionManager;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import javax.transaction.xa.XAResource;
import org.postgresql.xa.PGXADataSource;

/** Atomikos TransactionsEssentials, with its own log and its own pools. */
final class Atomikos implements Peer {
  private static final String PREFIX = "com.atomikos.icatch.";

  private final UserTransactionManager transactions = new UserTransactionManager();

  Atomikos(Path directory) throws Exception {
    Files.createDirectories(directory);
    System.setProperty(PREFIX + "enable_logging", "true"); // without it there is no recovery
    System.setProperty(PREFIX + "log_base_dir", directory.toString());
    System.setProperty(PREFIX + "tm_unique_name", "bench");
    System.setProperty(PREFIX + "max_actives", "-1"); // 50 by default, and refuses more
    // By default it writes its log anew after every 500 records.
    System.setProperty(PREFIX + "checkpoint_interval", "50000");
    transactions.init();
  }

  @Override
  public TransactionManager transactions() {
    return transactions;
  }

  @Override
  public boolean forcesChannels() {
    return true;
  }

  @Override
  public Bank bank(String name, PGXADataSource source, int connections) {
    AtomikosDataSourceBean pool = new AtomikosDataSourceBean();
    pool.setUniqueResourceName(name);
    pool.setXaDataSource(source);
    pool.setPoolSize(connections);
    pool.setBorrowConnectionTimeout(30);
    return pool::getConnection;
  }

  @Override
  public Work idle() {
    return new IdleWork(transactions, registered("idle-left"), registered("idle-right"));
  }

  /** A resource that it can find again, as it wants it of each. */
  private static XAResource registered(String name) {
    XAResource resource = new IdleResource();
    Configuration.addResource(
        new XATransactionalResource(name) {
          @Override
          protected XAResource refreshXAConnection() {
            return resource;
          }
        });
    return resource;
  }

  @Override
  public void close() {
    transactions.close();
  }
}
