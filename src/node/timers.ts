/**
 * The port Timers over Node's own, for few of them: who sets one for each transaction has a wheel
 * (`coordinator/deadlines.ts`).
 */
import type { Timer, Timers } from '../core/ports.ts'

/** What Node takes at most, in milliseconds. */
const legMaxMs = 2 ** 31 - 1

/** A timer in legs: Node fires a longer one at once. */
class Legs {
  handle: NodeJS.Timeout | undefined
}

/** Timers that somebody waits for: the process stays alive until they have run. */
export function nodeTimers(): Timers {
  return timersOver(setTimeout)
}

/** Timers for what goes on in the background: they keep no process alive. */
export function backgroundTimers(): Timers {
  return timersOver((run, delayMs) => setTimeout(run, delayMs).unref())
}

type SetTimeout = (run: () => void, delayMs: number) => NodeJS.Timeout

function timersOver(setTimer: SetTimeout): Timers {
  const setLeg = (legs: Legs, delayMs: number, run: () => void): void => {
    const rest = delayMs - legMaxMs
    const isLast = rest <= 0
    legs.handle = isLast
      ? setTimer(run, Math.ceil(delayMs))
      : setTimer(() => setLeg(legs, rest, run), legMaxMs)
  }
  return {
    set: (delayMs, run) => {
      // Node drops fractions, and a timer is never to run early.
      if (delayMs <= legMaxMs) return setTimer(run, Math.ceil(delayMs)) as unknown as Timer
      const legs = new Legs()
      setLeg(legs, delayMs, run)
      return legs as unknown as Timer
    },
    // Behind all sockets that this turn of the event loop has found to be readable.
    soon: (run) => void setImmediate(run),
    clear: (timer) => {
      const set = timer as unknown as NodeJS.Timeout | Legs
      clearTimeout(set instanceof Legs ? set.handle : set)
    },
  }
}
