package assent.bench.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.LogManager;

/**
 * One transaction manager for Java, which is told by lines what to run, and answers each with a line of
 * JSON. It lives through all rounds of a benchmark, so that what is compiled stays compiled.
 *
 * <pre>
 * java -jar peers.jar PEER DIRECTORY     PEER: narayana, narayana-files or atomikos; its log's directory
 * run WORK IN-FLIGHT SECONDS COUNT       WORK: transfer or idle; ends after so long or so many
 * end                                    or the end of the input: it ends
 * </pre>
 *
 * For {@code transfer} the environment names the two databases (ASSENT_BENCH_LEFT, ASSENT_BENCH_RIGHT:
 * they hold passwords, which arguments would show to the whole machine) and ASSENT_BENCH_CONNECTIONS.
 */
public final class Main {
  private static final String[] BANKS = {"LEFT", "RIGHT"};

  private Main() {}

  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 2) {
      System.err.println("usage: java -jar peers.jar PEER DIRECTORY");
      System.exit(2);
    }
    PrintStream answers = System.out;
    System.setOut(System.err); // whatever a library says there is no answer of ours
    LogManager.getLogManager().getLogger("").setLevel(Level.WARNING);
    try (Peer peer = open(arguments[0], Path.of(arguments[1]))) {
      Map<String, Work> works = worksOf(peer);
      answers.println(Json.of("ready", arguments[0]));
      serve(peer, works, answers);
    }
    // Some of what they start are threads that would keep the process alive.
    System.exit(0);
  }

  private static Peer open(String name, Path directory) throws Exception {
    return switch (name) {
      case "narayana" -> Narayana.withJournal(directory);
      case "narayana-files" -> Narayana.withFiles(directory);
      case "atomikos" -> new Atomikos(directory);
      default -> throw new IllegalArgumentException("there is no peer '" + name + "'");
    };
  }

  private static Map<String, Work> worksOf(Peer peer) throws Exception {
    Map<String, Work> works = new HashMap<>();
    works.put("idle", peer.idle());
    if (System.getenv("ASSENT_BENCH_LEFT") != null) {
      int connections = Integer.parseInt(System.getenv("ASSENT_BENCH_CONNECTIONS"));
      Bank[] banks = new Bank[BANKS.length];
      for (int side = 0; side < BANKS.length; side += 1) {
        String url = System.getenv("ASSENT_BENCH_" + BANKS[side]);
        banks[side] = peer.bank(BANKS[side], Postgres.at(url), connections);
      }
      works.put("transfer", new Transfer(peer.transactions(), banks[0], banks[1]));
    }
    return works;
  }

  private static void serve(Peer peer, Map<String, Work> works, PrintStream answers)
      throws IOException {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.equals("end")) return;
      answers.println(answer(peer, works, line));
    }
  }

  private static String answer(Peer peer, Map<String, Work> works, String line) {
    try {
      String[] words = line.split(" ");
      Work work = words.length == 5 && words[0].equals("run") ? works.get(words[1]) : null;
      if (work == null) return Json.of("error", "no such command: " + line);
      int inFlight = Integer.parseInt(words[2]);
      double seconds = Double.parseDouble(words[3]);
      return ClosedLoad.run(peer, work, inFlight, seconds, Long.parseLong(words[4]));
    } catch (Exception failure) {
      failure.printStackTrace();
      return Json.of("error", failure.toString());
    }
  }
}
