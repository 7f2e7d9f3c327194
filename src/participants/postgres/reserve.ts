/**
 * The reserve of a PostgreSQL database. It keeps PG-18 at bay: a connection that reaches another
 * database than the one that was examined is closed, whatever the reason.
 */
import type { ParticipantPorts } from '../contract.ts'
import type { Identity } from '../sql/identity.ts'
import { Reserve as SqlReserve } from '../sql/reserve.ts'
import { readFingerprint } from './identity.ts'
import type { Settings } from './options.ts'
import { type Opener, OwnConnection } from './own-connection.ts'

export type Reserve = SqlReserve<OwnConnection>

/** Opens connections of our own to the database that was examined, and to no other. */
export function openerOf(
  opener: Opener,
  identity: Identity,
  { answerTimeoutMs: limitMs }: Settings,
  { owner }: ParticipantPorts,
): () => Promise<OwnConnection> {
  return async () => {
    const connection = await OwnConnection.open(opener, limitMs, owner?.())
    try {
      if (identity.fingerprint !== undefined) identity.verify(await readFingerprint(connection))
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }
}

export function reserveOf(
  open: () => Promise<OwnConnection>,
  { answerTimeoutMs: limitMs, recoveryConnections: size }: Settings,
  { timers }: ParticipantPorts,
): Reserve {
  return new SqlReserve({ open, timers, size, limitMs })
}
