/**
 * Hears the errors of the user's pools while a participant is attached to them: node-postgres emits
 * them as `error`, which ends a process in which nobody listens.
 */
import type { Timers } from '../../core/ports.ts'
import type { PgConnection, PgPoolInternals } from './driver.ts'

/** Answers what stops it. */
export function hearErrorsOf(pools: readonly PgPoolInternals[], timers: Timers): () => void {
  // Between the moment in which a new connection leaves the pool's hands and the one in which whoever
  // asked for it can listen, nobody does; and the server may say good-bye in the packet of its welcome.
  const hearNew = (client: PgConnection): void => {
    client.on('error', ignore)
    timers.set(1, () => client.removeListener('error', ignore))
  }
  for (const pool of pools) {
    // Of connections that nobody uses.
    pool.on?.('error', ignore)
    pool.on?.('connect', hearNew)
  }
  return () => {
    for (const pool of pools) {
      pool.removeListener?.('error', ignore)
      pool.removeListener?.('connect', hearNew)
    }
  }
}

function ignore(): void {
  // The pool has removed the connection already; what ran on it hears of it by its own error.
}
