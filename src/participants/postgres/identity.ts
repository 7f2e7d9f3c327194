/**
 * Which database this is: the cluster's system identifier, made with it and kept by every restart, and
 * the database's oid. `COMMIT PREPARED` at another one answers 42704, as for a branch that is done.
 */
import { fieldOf, type PgResult } from './driver.ts'
import { identity as identityText } from './sql.ts'

export async function readFingerprint(connection: {
  send(text: string): Promise<readonly PgResult[]>
}): Promise<string> {
  const results = await connection.send(identityText)
  return `postgresql/${fieldOf(results, 'system')}/${fieldOf(results, 'database')}`
}
