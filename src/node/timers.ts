/**
 * The port Timers over Node's own, which keep those of equal length in one list already: setting and
 * clearing one costs well under a microsecond.
 */
import type { Timer, Timers } from '../core/ports.ts'

/** Node fires a longer timer at once; it is set in legs of at most this. */
const legMaxMs = 2 ** 31 - 1

interface Pending {
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
  const setLeg = (pending: Pending, delayMs: number, run: () => void): void => {
    const rest = delayMs - legMaxMs
    // Node drops fractions, and a timer is never to run early.
    pending.handle =
      rest > 0
        ? setTimer(() => setLeg(pending, rest, run), legMaxMs)
        : setTimer(run, Math.ceil(delayMs))
  }
  return {
    set: (delayMs, run) => {
      const pending: Pending = { handle: undefined }
      setLeg(pending, delayMs, run)
      return pending as unknown as Timer
    },
    clear: (timer) => clearTimeout((timer as unknown as Pending).handle),
  }
}
