/** Runs work again after a conflict with another transaction: the databases ask callers to. */
import type { ErrorCode } from '../core/error-catalogue.ts'
import { isAssentError } from '../core/errors.ts'
import type { Random } from '../core/ports.ts'
import { backOffMs } from './back-off.ts'
import type { Engine } from './engine.ts'
import type { LiveTransaction } from './live-transaction.ts'

/** Serialization failure and deadlock of PostgreSQL; deadlock of MySQL and MariaDB. */
const conflictCodes: ReadonlySet<unknown> = new Set(['40001', '40P01', 1213, 'ER_LOCK_DEADLOCK'])
const causesFollowed = 5

/** The caller has had enough of the transaction, whatever ended it. */
const givenUp: ReadonlySet<ErrorCode> = new Set(['ASSENT_CANCELLED', 'ASSENT_TIMED_OUT'])

/** One run of the work; `begun` is called with its transaction. */
export type Attempt<Value> = (begun: (live: LiveTransaction) => void) => Promise<Value>

/** Runs `attempt` until it succeeds, fails otherwise than by a conflict, or `attempts` are used up. */
export async function withRetry<Value>(
  engine: Engine,
  random: Random,
  attempts: number,
  attempt: Attempt<Value>,
): Promise<Value> {
  for (let count = 1; ; count += 1) {
    let live: LiveTransaction | undefined
    try {
      return await attempt((begun) => {
        live = begun
      })
    } catch (error) {
      if (count >= attempts || !(isConflict(error) || endedByConflict(error, live))) throw error
      const { backOffFirstMs: firstMs } = engine.settings
      const pauseMs = backOffMs(count, { firstMs, maxMs: 1_000 }, random)
      await new Promise<void>((resolve) => {
        engine.deadlines.setAwaited(pauseMs, resolve)
      })
    }
  }
}

/**
 * Whether a conflict ended a branch, though the error that the work threw does not tell: libraries
 * put errors of their own around the driver's, and need not name the cause.
 */
function endedByConflict(thrown: unknown, live: LiveTransaction | undefined): boolean {
  if (isAssentError(thrown) && (thrown.effect !== 'none' || givenUp.has(thrown.code))) return false
  if (live?.conclusion?.decision !== 'aborted') return false
  return live.branches.some(({ doom }) => isConflict(doom))
}

/** Whether a failure, or what caused it, is a conflict that left nothing behind. */
export function isConflict(thrown: unknown, depth = 0): boolean {
  if (typeof thrown !== 'object' || thrown === null || depth > causesFollowed) return false
  if (isAssentError(thrown) && thrown.effect !== 'none') return false
  const { code, errno, cause } = thrown as { code?: unknown; errno?: unknown; cause?: unknown }
  if (conflictCodes.has(code) || conflictCodes.has(errno)) return true
  if (isAssentError(thrown, 'ASSENT_ABORTED_BY_VOTE')) {
    return thrown.fields.votes.some((vote) => isConflict(vote.cause, depth + 1))
  }
  return isConflict(cause, depth + 1)
}
