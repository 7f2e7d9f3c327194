package assent.bench.peers;

import java.net.URI;
import org.postgresql.xa.PGXADataSource;

/** PostgreSQL's own XA data source. */
final class Postgres {
  private Postgres() {}

  /** For a URL as {@code postgres://user:password@host:port/database}. */
  static PGXADataSource at(String url) {
    URI uri = URI.create(url);
    String[] account = uri.getUserInfo().split(":", 2);
    PGXADataSource source = new PGXADataSource();
    source.setServerNames(new String[] {uri.getHost()});
    source.setPortNumbers(new int[] {uri.getPort()});
    source.setDatabaseName(uri.getPath().substring(1));
    source.setUser(account[0]);
    source.setPassword(account[1]);
    return source;
  }
}
