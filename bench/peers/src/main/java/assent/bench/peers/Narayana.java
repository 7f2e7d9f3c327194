package assent.bench.peers;

import com.arjuna.ats.arjuna.common.CoordinatorEnvironmentBean;
import com.arjuna.ats.arjuna.common.CoreEnvironmentBean;
import com.arjuna.ats.arjuna.common.ObjectStoreEnvironmentBean;
import com.arjuna.ats.arjuna.coordinator.TransactionReaper;
import com.arjuna.ats.arjuna.objectstore.StoreManager;
import com.arjuna.ats.internal.arjuna.objectstore.ShadowNoFileLockStore;
import com.arjuna.ats.internal.arjuna.objectstore.hornetq.HornetqJournalEnvironmentBean;
import com.arjuna.ats.internal.arjuna.objectstore.hornetq.HornetqObjectStoreAdaptor;
import com.arjuna.common.internal.util.propertyservice.BeanPopulator;
import jakarta.transaction.TransactionManager;
import java.nio.file.Path;
import org.postgresql.xa.PGXADataSource;

/** Narayana JTA, its log forced: in a journal whose writers share a write, or in a file each. */
final class Narayana implements Peer {
  private static final String[] STORES = {null, "communicationStore", "stateStore"};

  private final TransactionManager transactions =
      com.arjuna.ats.jta.TransactionManager.transactionManager();
  private final boolean forcesChannels;

  private Narayana(boolean forcesChannels) {
    this.forcesChannels = forcesChannels;
  }

  /**
   * The journal that application servers offer for speed. The first write of a transaction is forced;
   * that it is finished need not be, as it is with us.
   */
  static Narayana withJournal(Path directory) throws Exception {
    configure(directory, HornetqObjectStoreAdaptor.class);
    HornetqJournalEnvironmentBean journal =
        BeanPopulator.getDefaultInstance(HornetqJournalEnvironmentBean.class);
    journal.setStoreDir(directory.resolve("journal").toString());
    journal.setSyncWrites(true);
    journal.setSyncDeletes(false);
    journal.setAsyncIO(false); // the other one takes a library that Java does not bring
    journal.setMaxIO(1);
    // At its default of 500, who is alone waits 2 ms for others to share his write with.
    journal.setBufferFlushesPerSecond(5_000);
    return new Narayana(true);
  }

  /** What it does unless it is told otherwise: a file a transaction, synced by its descriptor. */
  static Narayana withFiles(Path directory) throws Exception {
    configure(directory, ShadowNoFileLockStore.class);
    return new Narayana(false);
  }

  private static void configure(Path directory, Class<?> store) throws Exception {
    BeanPopulator.getDefaultInstance(CoreEnvironmentBean.class).setNodeIdentifier("bench");
    for (String name : STORES) {
      ObjectStoreEnvironmentBean bean =
          name == null
              ? BeanPopulator.getDefaultInstance(ObjectStoreEnvironmentBean.class)
              : BeanPopulator.getNamedInstance(ObjectStoreEnvironmentBean.class, name);
      bean.setObjectStoreDir(directory.resolve("store").toString());
      bean.setObjectStoreType(store.getName());
      bean.setObjectStoreSync(true);
      bean.setTransactionSync(true);
    }
    CoordinatorEnvironmentBean coordinator =
        BeanPopulator.getDefaultInstance(CoordinatorEnvironmentBean.class);
    coordinator.setTransactionStatusManagerEnable(false); // it would listen on a port
  }

  @Override
  public TransactionManager transactions() {
    return transactions;
  }

  @Override
  public boolean forcesChannels() {
    return forcesChannels;
  }

  @Override
  public Bank bank(String name, PGXADataSource source, int connections) throws Exception {
    return EnlistingPool.open(transactions, source, connections);
  }

  @Override
  public Work idle() {
    return new IdleWork(transactions, new IdleResource(), new IdleResource());
  }

  @Override
  public void close() {
    TransactionReaper.terminate(false);
    StoreManager.shutdown();
  }
}
