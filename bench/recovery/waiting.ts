/** Waits for what a restart works off. */
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'

const pollMs = 5
const limitMs = 120_000

/** Resolves once it is so; rejects when that takes too long to be only slow. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + limitMs
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`the backlog is not worked off in ${limitMs} ms`)
    await pause(pollMs)
  }
}

/** Seconds since the call. */
export function stopwatch(): () => number {
  const startMs = performance.now()
  return () => (performance.now() - startMs) / 1000
}
