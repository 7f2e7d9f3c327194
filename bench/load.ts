/** Load: closed (so many at a time, each followed by the next) and open (by the clock). */
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'

/** One transaction; `lane` tells those that run at the same time apart. */
export type Work = (lane: number) => Promise<unknown>

/** What a closed load came to. */
export interface Throughput {
  readonly transactions: number
  readonly seconds: number
  readonly perSecond: number
  /** Microseconds of the process a transaction, all its threads, user and system. */
  readonly cpuMicroseconds: number
}

/** The same of the thread that runs JavaScript alone. */
export interface OwnThroughput extends Throughput {
  readonly mainThreadMicroseconds: number
}

/** When a closed load ends: after so many seconds or transactions, whatever comes first. */
export interface Limit {
  readonly seconds?: number
  readonly count?: number
}

/** Keeps `inFlight` transactions going up to the limit. */
export async function closedLoad(
  inFlight: number,
  limit: Limit,
  work: Work,
): Promise<OwnThroughput> {
  const { seconds = Number.POSITIVE_INFINITY, count = Number.POSITIVE_INFINITY } = limit
  const begun = performance.now()
  const endMs = begun + seconds * 1000
  const cpu = process.cpuUsage()
  const mainThread = process.threadCpuUsage()
  let transactions = 0
  const lane = async (number: number): Promise<void> => {
    while (transactions < count && performance.now() < endMs) {
      transactions += 1
      await work(number)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, (_, number) => lane(number)))
  const took = (performance.now() - begun) / 1000
  return {
    transactions,
    seconds: took,
    perSecond: transactions / took,
    cpuMicroseconds: sum(process.cpuUsage(cpu)) / transactions,
    mainThreadMicroseconds: sum(process.threadCpuUsage(mainThread)) / transactions,
  }
}

function sum({ user, system }: NodeJS.CpuUsage): number {
  return user + system
}

/** Time, as the open load sees it; a test gives its own. */
export interface Pace {
  nowMs(): number
  pause(delayMs: number): Promise<unknown>
}

const realPace: Pace = { nowMs: () => performance.now(), pause }

/** One transaction of an open load. */
export interface Arrival {
  /** When it was meant to begin, since the load began. */
  readonly atMs: number
  readonly latencyMs: number
}

/**
 * Begins transactions at a fixed rate, whether or not those before have ended, as users do. Answers
 * the latency of each from when it was meant to begin: what waits for a free lane has waited for us
 * too (leaving that out is called coordinated omission).
 */
export function openLoad(
  options: { readonly perSecond: number; readonly seconds: number; readonly lanes: number },
  work: Work,
  pace: Pace = realPace,
): Promise<Arrival[]> {
  const { perSecond, seconds, lanes } = options
  const count = Math.max(1, Math.floor(perSecond * seconds))
  const startMs = pace.nowMs()
  const arrivals: Arrival[] = []
  const free = Array.from({ length: lanes }, (_, lane) => lane)
  const waiting: number[] = []
  return new Promise((resolve, reject) => {
    const begin = (lane: number, intendedMs: number): void => {
      work(lane).then(() => {
        arrivals.push({ atMs: intendedMs - startMs, latencyMs: pace.nowMs() - intendedMs })
        if (arrivals.length === count) resolve(arrivals)
        const next = waiting.shift()
        if (next === undefined) free.push(lane)
        else begin(lane, next)
      }, reject)
    }
    const arrive = (intendedMs: number): void => {
      const lane = free.shift()
      if (lane === undefined) waiting.push(intendedMs)
      else begin(lane, intendedMs)
    }
    const run = async (): Promise<void> => {
      for (let number = 0; number < count; ) {
        const intendedMs = startMs + (number * 1000) / perSecond
        if (pace.nowMs() < intendedMs) await pace.pause(1)
        else {
          arrive(intendedMs)
          number += 1
        }
      }
    }
    run().catch(reject)
  })
}
