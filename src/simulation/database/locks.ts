/** Exclusive locks on accounts, owned by xids: first come, first served, and each wait is bounded. */
import type { Scheduled, Scheduler } from '../scheduler.ts'

interface Waiter {
  readonly owner: string
  readonly granted: () => void
  readonly timer: Scheduled
}

interface Lock {
  owner: string
  readonly waiters: Waiter[]
}

export class Locks {
  readonly #scheduler: Scheduler
  readonly #locks = new Map<string, Lock>()

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  isTaken(key: string): boolean {
    return this.#locks.has(key)
  }

  /** Calls one of the two, now or later. */
  take(
    key: string,
    owner: string,
    waitMs: number,
    on: { readonly granted: () => void; readonly timedOut: () => void },
  ): void {
    const lock = this.#locks.get(key)
    if (lock === undefined) this.#locks.set(key, { owner, waiters: [] })
    if (lock === undefined || lock.owner === owner) return on.granted()
    const timer = this.#scheduler.after(waitMs, () => {
      lock.waiters.splice(lock.waiters.indexOf(waiter), 1)
      on.timedOut()
    })
    const waiter: Waiter = { owner, granted: on.granted, timer }
    lock.waiters.push(waiter)
  }

  /** A prepared branch has its locks back after a crash; no other can hold them. */
  keep(key: string, owner: string): void {
    this.#locks.set(key, { owner, waiters: [] })
  }

  /** Gives up all locks of an owner, and its waits. */
  release(owner: string): void {
    for (const [key, lock] of this.#locks) {
      for (const waiter of lock.waiters.filter((each) => each.owner === owner)) {
        this.#scheduler.cancel(waiter.timer)
        lock.waiters.splice(lock.waiters.indexOf(waiter), 1)
      }
      if (lock.owner !== owner) continue
      const next = lock.waiters.shift()
      if (next === undefined) {
        this.#locks.delete(key)
        continue
      }
      lock.owner = next.owner
      this.#scheduler.cancel(next.timer)
      next.granted()
    }
  }

  /** Whoever holds a lock. */
  owners(): Set<string> {
    return new Set([...this.#locks.values()].map(({ owner }) => owner))
  }

  /** The server died: all waits are over, and nobody is told. */
  clear(): void {
    for (const { waiters } of this.#locks.values()) {
      for (const { timer } of waiters) this.#scheduler.cancel(timer)
    }
    this.#locks.clear()
  }
}
