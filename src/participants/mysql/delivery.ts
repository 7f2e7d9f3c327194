/**
 * Phase 2 of a branch whose session is gone, over connections of our own.
 *
 * Keeps A6 and MY-2: while the session that prepared lives, nobody else can finish the branch; and
 * after a lost vote the XA PREPARE may still be on its way in it. So that session is ended, and known
 * to be gone, before anything is believed of the branch.
 */
import { messageOf } from '../../core/errors.ts'
import type { Timers } from '../../core/ports.ts'
import type { Acknowledgement } from '../contract.ts'
import { pause } from '../sql/deadline.ts'
import { type Asking, fieldOf } from './asking.ts'
import type { ServerSession } from './beginning.ts'
import { readEvidence } from './evidence.ts'
import { errors, numberOf } from './failures.ts'
import { type Finishing, finish, HeldBySession } from './fate.ts'
import type { Reserve } from './reserve.ts'
import { readVariables } from './server.ts'
import { killConnection, showUptime } from './sql.ts'

const pollMs = 20
const goneLimitMaxMs = 2_000

/** Times of start are told in whole seconds, and counted by a clock that is corrected. */
const startToleranceSeconds = 2

/** Finishes a branch that is known to have been prepared. Never rejects. */
export function deliver(
  reserve: Reserve,
  finishing: Finishing,
  timers: Timers,
): Promise<Acknowledgement> {
  return reserve
    .run(async (connection) => {
      try {
        return await finish(connection, finishing)
      } catch (error) {
        const holder = readEvidence(finishing.evidence)?.session
        if (!(error instanceof HeldBySession) || holder === undefined) throw error
        await endForGood(connection, holder, timers, goneLimitMs(reserve))
        return await finish(connection, finishing)
      }
    })
    .catch(unknown)
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
      await endForGood(connection, session, timers, goneLimitMs(reserve))
      return await finish(connection, finishing)
    })
    .catch(unknown)
}

/**
 * Ends a session whose connection was closed under a running statement, which would hold its locks
 * until it is done. To save waiting only: nothing rests on it.
 */
export function endSession(reserve: Reserve, session: ServerSession): void {
  if (reserve.isTaken) return
  reserve.run((connection) => kill(connection, session)).catch(() => undefined)
}

/** Ends the session if it lives, and asks until it is gone; rejects when it stays. */
async function endForGood(
  connection: Asking,
  session: ServerSession,
  timers: Timers,
  limitMs: number,
): Promise<void> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += pollMs) {
    if (await kill(connection, session)) return
    await pause(timers, pollMs)
  }
  throw new Error(`the session ${session.thread} of the branch was told to end, and is there`)
}

/** Tells the session to end; whether there is none any more. */
async function kill(connection: Asking, session: ServerSession): Promise<boolean> {
  // A server that was started again counts its connections anew: the number is another's now.
  if (!(await isSameRun(connection, session))) return true
  try {
    await connection.send(killConnection(session.thread))
    return false
  } catch (error) {
    if (numberOf(error) === errors.unknownThread) return true
    const message = `the session ${session.thread} of the branch can't be ended: ${messageOf(error)}`
    throw new Error(message, { cause: error })
  }
}

async function isSameRun(connection: Asking, { serverStarted }: ServerSession): Promise<boolean> {
  const now = fieldOf(await connection.send('select unix_timestamp() as now'), 'now')
  const uptime = readVariables((await connection.send(showUptime)).rows).get('uptime')
  const started = Number(now) - Number(uptime)
  return Math.abs(started - serverStarted) <= startToleranceSeconds
}

function goneLimitMs(reserve: Reserve): number {
  return Math.min(goneLimitMaxMs, reserve.limitMs / 2)
}

function unknown(cause: unknown): Acknowledgement {
  return { result: 'unknown', cause }
}
