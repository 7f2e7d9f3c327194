/** How long the database is waited for: a connection that hangs must not hold a log for ever (A6). */
import { bounded as boundedBy } from '../../core/bounded.ts'
import type { Timers } from '../../core/ports.ts'

/** Rejects with `NoAnswer` after `limitMs`. An answer that comes later goes to `late`. */
export function bounded<Answer>(
  timers: Timers,
  limitMs: number,
  answer: Promise<Answer>,
  late?: (answer: Answer) => void,
): Promise<Answer> {
  const silence = (): string => `the database did not answer within ${limitMs} ms`
  return boundedBy(timers, limitMs, answer, silence, late)
}
