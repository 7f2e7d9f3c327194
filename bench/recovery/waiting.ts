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

/** Measures from the call on: seconds, and those of CPU of the whole process. */
export function stopwatch(): { seconds(): number; cpuSeconds(): number } {
  const startMs = performance.now()
  const cpu = process.cpuUsage()
  return {
    seconds: () => (performance.now() - startMs) / 1000,
    cpuSeconds: () => {
      const { user, system } = process.cpuUsage(cpu)
      return (user + system) / 1e6
    },
  }
}
