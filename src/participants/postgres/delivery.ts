/**
 * Phase 2 of a branch whose session is gone, over connections of our own.
 *
 * Keeps A6 and PG-8: after a lost vote the PREPARE may have landed, or may still be on its way in the
 * session that was sent it. Only when that session no longer exists can nothing land any more, so it
 * is ended first, and the absence of the prepared branch is believed only after that.
 */
import { messageOf } from '../../core/errors.ts'
import type { Timers } from '../../core/ports.ts'
import type { Acknowledgement } from '../contract.ts'
import { pause } from '../sql/deadline.ts'
import { type Asking, type Finishing, finish } from './fate.ts'
import type { Reserve } from './reserve.ts'
import { endSessionOf, findSession } from './sql.ts'

/** Which server process a branch ran in: its pid, and when it was started (seconds, epoch). */
export interface ServerSession {
  readonly pid: string
  readonly started: string | undefined
}

const pollMs = 20
const goneLimitMaxMs = 2_000

/** Finishes a branch that is known to have been prepared. Never rejects. */
export function deliver(reserve: Reserve, finishing: Finishing): Promise<Acknowledgement> {
  return reserve.run((connection) => finish(connection, finishing)).catch(unknown)
}

/** Finishes a branch of which nobody knows whether it prepared. Never rejects. */
export function deliverUnsure(
  reserve: Reserve,
  finishing: Finishing,
  session: ServerSession,
  timers: Timers,
): Promise<Acknowledgement> {
  return reserve
    .run(async (connection) => {
      const limitMs = Math.min(goneLimitMaxMs, reserve.limitMs / 2)
      await endForGood(connection, session, timers, limitMs)
      return await finish(connection, finishing)
    })
    .catch(unknown)
}

/**
 * Ends a session whose connection was closed under a running statement, which would hold its locks
 * until it is done. To save waiting only: nothing rests on it.
 */
export function endSession(reserve: Reserve, { pid, started }: ServerSession): void {
  if (reserve.isTaken) return
  reserve.run((connection) => connection.ask(endSessionOf, [pid, started])).catch(() => undefined)
}

/** Ends the session if it lives, and waits until it is gone; rejects when it stays. */
async function endForGood(
  connection: Asking,
  { pid, started }: ServerSession,
  timers: Timers,
  limitMs: number,
): Promise<void> {
  try {
    const ended = await connection.ask(endSessionOf, [pid, started])
    if (ended.at(-1)?.rows.length === 0) return
  } catch (cause) {
    const message = `the session that may still prepare can't be ended: ${messageOf(cause)}`
    throw new Error(message, { cause })
  }
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += pollMs) {
    const found = await connection.ask(findSession, [pid, started])
    if (found.at(-1)?.rows.length === 0) return
    await pause(timers, pollMs)
  }
  throw new Error(`the session that may still prepare (pid ${pid}) was told to end, and is there`)
}

function unknown(cause: unknown): Acknowledgement {
  return { result: 'unknown', cause }
}
