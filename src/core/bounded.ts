/**
 * Bounds on waiting: who hangs must not make us hang. Nobody knows then what became of what was asked
 * (A6): neither done nor not done.
 */
import type { Timer, Timers } from './ports.ts'

/** Nobody answered within the time that we wait. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

/**
 * The result of `work`, or a rejection with `NoAnswer`, in the words of `silence`, once `limitMs` have
 * passed. `work` goes on: a result that comes later goes to `late`.
 */
export function bounded<Result>(
  timers: Timers,
  limitMs: number,
  work: Promise<Result>,
  silence: () => string,
  late?: (result: Result) => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined = timers.set(limitMs, () => {
      timer = undefined
      reject(new NoAnswer(silence()))
    })
    work.then(
      (result) => {
        if (timer === undefined) return late?.(result)
        timers.clear(timer)
        resolve(result)
      },
      (cause: unknown) => {
        if (timer !== undefined) timers.clear(timer)
        reject(cause)
      },
    )
  })
}
