/** Ctrl-C: the first asks the demo to come to its end, the second ends it at once. */

const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
/** What shells report of a program that Ctrl-C has ended. */
const interruptedExitCode = 130

export interface Interruption {
  /** Fires at the first. */
  readonly signal: AbortSignal
  /** What must still be done, synchronously, at the second; answers what it leaves, a line each. */
  onSecond: () => readonly string[]
  /** Stops listening. */
  end(): void
}

/** `say` hears at the second, last of all, what is left behind. */
export function watchForInterruption(say: (left: readonly string[]) => void): Interruption {
  const first = new AbortController()
  const interruption: Interruption = {
    signal: first.signal,
    onSecond: () => [],
    end: () => {
      for (const each of signals) process.off(each, heard)
    },
  }
  const heard = (): void => {
    if (!first.signal.aborted) {
      first.abort()
      return
    }
    say(interruption.onSecond())
    process.exit(interruptedExitCode)
  }
  for (const each of signals) process.on(each, heard)
  return interruption
}
