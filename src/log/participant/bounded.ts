/**
 * Bounds what the database is asked: a connection that hangs must not be waited for for ever (A6: what
 * it was asked is then unknown, neither done nor not done).
 */
import type { Timers } from '../../core/ports.ts'

/** The limit has passed, and nothing was answered. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
}

/** Rejects after `limitMs`. An answer that comes later goes to `late`. */
export function bounded<Answer>(
  timers: Timers,
  limitMs: number,
  answer: Promise<Answer>,
  late?: (answer: Answer) => void,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let isOver = false
    const timer = timers.set(limitMs, () => {
      isOver = true
      reject(new Unanswered(`the database did not answer within ${limitMs} ms`))
    })
    const end = (): void => timers.clear(timer)
    answer.then(
      (value) => {
        if (isOver) return late?.(value)
        end()
        resolve(value)
      },
      (cause: unknown) => {
        end()
        reject(cause)
      },
    )
  })
}
