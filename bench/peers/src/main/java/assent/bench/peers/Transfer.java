package assent.bench.peers;

import jakarta.transaction.TransactionManager;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;

/**
 * A unit of money goes from one server to the other, by one statement a branch: what every contestant
 * of the benchmark does, on the same accounts (see bench/commit/bank.ts).
 */
final class Transfer implements Work {
  private static final int ACCOUNTS = 10_000;
  private static final String PAY = "update account set balance = balance - 1 where id = ?";
  private static final String GET = "update account set balance = balance + 1 where id = ?";

  private final TransactionManager transactions;
  private final Bank left;
  private final Bank right;

  Transfer(TransactionManager transactions, Bank left, Bank right) {
    this.transactions = transactions;
    this.left = left;
    this.right = right;
  }

  @Override
  public void run(int lane, int lanes, long turn) throws Exception {
    int account = (int) (turn % (ACCOUNTS / lanes)) * lanes + lane; // lanes share none
    transactions.begin();
    try (Connection pays = left.connection();
        Connection gets = right.connection()) {
      update(pays, PAY, account);
      update(gets, GET, account);
    } catch (Exception failure) {
      transactions.rollback();
      throw failure;
    }
    transactions.commit();
  }

  /** The driver keeps what it has prepared of a text, for as long as the connection lives. */
  private static void update(Connection connection, String text, int account) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(text)) {
      statement.setInt(1, account);
      if (statement.executeUpdate() != 1) throw new SQLException("there is no account " + account);
    }
  }
}
