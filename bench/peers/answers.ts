/** What the other process says: a line of JSON for each line that it is told. Pure. */
import type { Limit, Throughput } from '../load.ts'

/** What a peer can be told to run. */
export type PeerWork = 'transfer' | 'idle'

/** How long a turn is where only its count is limited. */
const secondsMax = 600
const countMax = Number.MAX_SAFE_INTEGER

export interface PeerLoad extends Throughput {
  /** Forced writes of files by that process meanwhile; not a number where it can't tell. */
  readonly forcedWrites: number
}

/** The other process failed, or said what can't be meant. */
export class PeerFailed extends Error {
  override readonly name = 'PeerFailed'
}

export function command(work: PeerWork, inFlight: number, limit: Limit): string {
  const { seconds = secondsMax, count = countMax } = limit
  return `run ${work} ${inFlight} ${seconds} ${count}`
}

/** Throws `PeerFailed`. */
export function readAnswer(who: string, line: string): PeerLoad {
  const answer = readObject(who, line)
  if (typeof answer.error === 'string') throw new PeerFailed(`${who}: ${answer.error}`)
  const { transactions, seconds, cpuSeconds, forcedWrites } = answer
  if (!isAmount(transactions) || !isAmount(seconds) || !isAmount(cpuSeconds)) {
    throw new PeerFailed(`${who} answered without figures: ${line}`)
  }
  if (!Number.isSafeInteger(transactions) || seconds === 0) {
    throw new PeerFailed(`${who} answered what can't be: ${line}`)
  }
  return {
    transactions,
    seconds,
    perSecond: transactions / seconds,
    cpuMicroseconds: (cpuSeconds * 1e6) / transactions,
    forcedWrites: isAmount(forcedWrites) ? forcedWrites : Number.NaN,
  }
}

/** The first line of all: that it runs. Throws `PeerFailed`. */
export function readReady(who: string, line: string): void {
  const { ready, error } = readObject(who, line)
  if (typeof error === 'string') throw new PeerFailed(`${who}: ${error}`)
  if (ready !== who) throw new PeerFailed(`${who} began with ${line}`)
}

function readObject(who: string, line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // said below
  }
  throw new PeerFailed(`${who} said what is no answer: ${line}`)
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
