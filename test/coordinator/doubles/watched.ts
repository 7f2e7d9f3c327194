/** What became of a promise, seen without waiting for it. */
import { promisesSettled } from './manual-time.ts'

export type Seen<Value> =
  | { readonly state: 'pending' }
  | { readonly state: 'fulfilled'; readonly value: Value }
  | { readonly state: 'rejected'; readonly reason: unknown }

/** Watches a promise; what it answers is never an unhandled rejection. */
export class Watched<Value> {
  seen: Seen<Value> = { state: 'pending' }

  constructor(promise: Promise<Value>) {
    promise.then(
      (value) => {
        this.seen = { state: 'fulfilled', value }
      },
      (reason: unknown) => {
        this.seen = { state: 'rejected', reason }
      },
    )
  }

  /** What it has become once every promise that can settle has. */
  async now(): Promise<Seen<Value>> {
    await promisesSettled()
    return this.seen
  }

  /** The reason of a rejection; throws when there is none yet. */
  async reason(): Promise<unknown> {
    const seen = await this.now()
    if (seen.state === 'rejected') return seen.reason
    throw new Error(`it is ${seen.state}`, { cause: seen })
  }

  async value(): Promise<Value> {
    const seen = await this.now()
    if (seen.state === 'fulfilled') return seen.value
    throw new Error(`it is ${seen.state}`, { cause: 'reason' in seen ? seen.reason : seen })
  }
}

export function watch<Value>(promise: Promise<Value>): Watched<Value> {
  return new Watched(promise)
}
