/** Bounds on an examination: what hangs must not hang the doctor. */
import type { Timers } from '../core/ports.ts'

/** The result of `work`, or a rejection once `limitMs` have passed; `work` may go on behind. */
export function bounded<Result>(
  { timers, limitMs }: { readonly timers: Timers; readonly limitMs: number },
  work: () => Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = timers.set(limitMs, () => reject(new Error(`no answer within ${limitMs} ms`)))
    const run = async (): Promise<Result> => await work()
    run()
      .then(resolve, reject)
      .finally(() => timers.clear(timer))
  })
}
