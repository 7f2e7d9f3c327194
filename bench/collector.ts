/** What the garbage collector does meanwhile, as Node tells it. */
import { PerformanceObserver } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Node tells of a collection a few turns after it. */
const toldLaterMs = 5

export interface Collections {
  readonly count: number
  /** For how long they stopped the thread that runs JavaScript. */
  readonly ms: number
}

/** Runs `work`, and counts the collections of garbage meanwhile. */
export async function countingCollections<Value>(
  work: () => Promise<Value>,
): Promise<{ readonly value: Value; readonly collections: Collections }> {
  let count = 0
  let ms = 0
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      count += 1
      ms += duration
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  try {
    const value = await work()
    await pause(toldLaterMs)
    return { value, collections: { count, ms } }
  } finally {
    observer.disconnect()
  }
}

/**
 * Bytes of memory in use after a full collection: objects, and what they refer to outside of the heap
 * (the contents of typed arrays).
 */
export function bytesInUse(): number {
  setFlagsFromString('--expose-gc') // Node gives the collection no name unless it is asked to
  const collect = runInNewContext('gc') as () => void
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
