package assent.bench.peers;

/** The little JSON that the answers are made of. */
final class Json {
  private Json() {}

  /** An object of one text. */
  static String of(String name, String text) {
    StringBuilder escaped = new StringBuilder();
    for (char each : text.toCharArray()) {
      if (each == '"' || each == '\\') escaped.append('\\').append(each);
      else if (each < ' ') escaped.append(String.format("\\u%04x", (int) each));
      else escaped.append(each);
    }
    return "{\"" + name + "\":\"" + escaped + "\"}";
  }
}
