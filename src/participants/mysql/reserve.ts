/** The reserve: a connection that reaches another database than the examined one is closed. */
import type { Timers } from '../../core/ports.ts'
import type { Identity } from '../sql/identity.ts'
import { Reserve as SqlReserve } from '../sql/reserve.ts'
import { readFingerprint } from './identity.ts'
import type { Settings } from './options.ts'
import { type Opener, OwnConnection } from './own-connection.ts'

export type Reserve = SqlReserve<OwnConnection>

export function reserveOf(
  opener: Opener,
  identity: Identity,
  settings: Settings,
  timers: Timers,
): Reserve {
  const { answerTimeoutMs: limitMs, recoveryConnections: size } = settings
  const open = async (): Promise<OwnConnection> => {
    const connection = await OwnConnection.open(opener, limitMs)
    try {
      if (identity.fingerprint !== undefined) {
        identity.verify(await readFingerprint(connection, settings))
      }
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }
  return new SqlReserve({ open, timers, size, limitMs })
}
