/**
 * Which database a participant was examined at. The first fingerprint that `check` finds ready stands
 * as long as the participant lives: at another database every branch of ours is unknown, exactly as
 * one that is done, so no absence counts as proof before the fingerprint was compared (A1, A5).
 */

/** The connection reaches another database than the one that was examined. */
export class AnotherDatabase extends Error {
  override readonly name = 'AnotherDatabase'
}

export class Identity {
  #fingerprint: string | undefined

  get fingerprint(): string | undefined {
    return this.#fingerprint
  }

  /** Takes the first fingerprint as ours; throws `AnotherDatabase` for any other. */
  establish(found: string): void {
    this.#fingerprint ??= found
    this.verify(found)
  }

  verify(found: string): void {
    if (this.#fingerprint === found) return
    throw new AnotherDatabase(
      this.#fingerprint === undefined
        ? 'the database has not been examined yet'
        : `the connection reaches the database ${found}, and the branch is in ${this.#fingerprint}`,
    )
  }
}
