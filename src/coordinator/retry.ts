/** Runs work again after a conflict with another transaction: the databases ask callers to. */
import { isAssentError } from '../core/errors.ts'
import type { Random } from '../core/ports.ts'
import { backOffMs } from './back-off.ts'
import type { Engine } from './engine.ts'

/** Serialization failure and deadlock of PostgreSQL; deadlock of MySQL and MariaDB. */
const conflictCodes: ReadonlySet<unknown> = new Set(['40001', '40P01', 1213, 'ER_LOCK_DEADLOCK'])
const causesFollowed = 5

/** Runs `attempt` until it succeeds, fails otherwise than by a conflict, or `attempts` are used up. */
export async function withRetry<Value>(
  engine: Engine,
  random: Random,
  attempts: number,
  attempt: () => Promise<Value>,
): Promise<Value> {
  for (let count = 1; ; count += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (count >= attempts || !isConflict(error)) throw error
      const { backOffFirstMs: firstMs } = engine.settings
      const pauseMs = backOffMs(count, { firstMs, maxMs: 1_000 }, random)
      await new Promise<void>((resolve) => {
        engine.deadlines.set(pauseMs, resolve, { atStop: true })
      })
    }
  }
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
