package assent.bench.peers;

import jakarta.transaction.Transaction;
import jakarta.transaction.TransactionManager;
import javax.transaction.xa.XAResource;

/** A transaction of two resources that do nothing: begin, enlist both, commit. */
final class IdleWork implements Work {
  private final TransactionManager transactions;
  private final XAResource left;
  private final XAResource right;

  IdleWork(TransactionManager transactions, XAResource left, XAResource right) {
    this.transactions = transactions;
    this.left = left;
    this.right = right;
  }

  @Override
  public void run(int lane, int lanes, long turn) throws Exception {
    transactions.begin();
    try {
      Transaction transaction = transactions.getTransaction();
      enlist(transaction, left);
      enlist(transaction, right);
    } catch (Exception failure) {
      transactions.rollback();
      throw failure;
    }
    transactions.commit();
  }

  private static void enlist(Transaction transaction, XAResource resource) throws Exception {
    if (!transaction.enlistResource(resource)) throw new IllegalStateException("not enlisted");
    transaction.delistResource(resource, XAResource.TMSUCCESS);
  }
}
