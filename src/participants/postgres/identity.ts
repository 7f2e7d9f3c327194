/**
 * Which database this is: `COMMIT PREPARED` at another one answers 42704, as it would for a branch
 * that is done, so no absence counts as proof before the fingerprint was compared (A1, A5).
 *
 * The fingerprint is the cluster's system identifier, made with it and kept by every restart, and the
 * database's oid. The first one that `check` finds ready stands as long as the participant lives.
 */
import { fieldOf, type PgResult } from './driver.ts'
import { identity as identityText } from './sql.ts'

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

export async function readFingerprint(connection: {
  send(text: string): Promise<readonly PgResult[]>
}): Promise<string> {
  const results = await connection.send(identityText)
  return `postgresql/${fieldOf(results, 'system')}/${fieldOf(results, 'database')}`
}
