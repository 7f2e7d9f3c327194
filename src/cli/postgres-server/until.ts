/** Waiting for a condition of a server, with a bound. */
import { setTimeout as pause } from 'node:timers/promises'

const pollMs = 5

/** Resolves when `condition` answers true; rejects, saying what took so long, after `limitMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  limitMs: number,
  what: string,
): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} took longer than ${limitMs} ms`)
    await pause(pollMs)
  }
}
