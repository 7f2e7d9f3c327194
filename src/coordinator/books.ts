/**
 * The logs that this process owns: its own, and those of dead processes that it adopted.
 *
 * Keeps A7 (what is ours is what a log that we hold has issued) and A10 (the work of a process that
 * died is taken over by a sibling, and the log given up only when nothing of it is left).
 */
import type { LogIdentity, TransactionIdParts } from '../core/ids.ts'
import type { Clock, Events, Timer, Timers } from '../core/ports.ts'
import type { DecisionLog, DecisionLogs } from '../log/contract.ts'
import { Book } from './book.ts'
import { ask } from './delivery.ts'
import type { Engine } from './engine.ts'
import type { StateChange } from './events.ts'
import { recoverBook } from './recovery.ts'

interface Adopted {
  readonly book: Book
  /** By the monotonic clock. */
  readonly sinceMs: number
}

export class Books {
  readonly own: Book
  readonly #logs: DecisionLogs
  readonly #engine: Engine
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #events: Events<StateChange>
  readonly #adopted = new Set<Adopted>()
  /** Identities of the logs of our directory, ours among them. */
  #inDirectory: ReadonlySet<LogIdentity> = new Set()
  #timer: Timer | undefined
  #stopped = false

  constructor(options: {
    readonly own: Book
    readonly logs: DecisionLogs
    readonly engine: Engine
    readonly clock: Clock
    readonly timers: Timers
    readonly events: Events<StateChange>
  }) {
    this.own = options.own
    this.#logs = options.logs
    this.#engine = options.engine
    this.#clock = options.clock
    this.#timers = options.timers
    this.#events = options.events
  }

  all(): Book[] {
    return [this.own, ...[...this.#adopted].map((each) => each.book)]
  }

  /** The log that issued an id, if it is ours. */
  of({ installation, log }: TransactionIdParts): Book | undefined {
    return this.all().find(
      (book) => book.log.identity === log && book.log.installation === installation,
    )
  }

  /** Whether an id is of another log of our directory: its process, or its adopter, finishes it. */
  isSibling(parts: TransactionIdParts): boolean {
    const isHere = parts.installation === this.own.log.installation
    return isHere && this.#inDirectory.has(parts.log) && this.of(parts) === undefined
  }

  /** The identities of all logs that are ours or our siblings', as far as they were seen. */
  identities(): LogIdentity[] {
    const owned = this.all().map(({ log }) => log.identity)
    return [...new Set([...owned, ...this.#inDirectory])]
  }

  /** Reads anew which logs our directory has; keeps what was known when it can't be read. */
  async refreshSiblings(): Promise<void> {
    try {
      this.#inDirectory = new Set(await this.#logs.identities())
    } catch {
      // What was known stays; whoever opens or adopts a log reports what is wrong with it.
    }
  }

  /** Looks for logs to adopt, now and again. `provedEmpty` says when one may be given up. */
  start(provedEmpty: (book: Book, sinceMs: number) => boolean): void {
    this.#look(provedEmpty)
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
  }

  /** Gives up every adopted log. */
  async closeAdopted(provedEmpty: (book: Book, sinceMs: number) => boolean): Promise<void> {
    const adopted = [...this.#adopted]
    this.#adopted.clear()
    // One that can't be closed stays unclean, so the next process adopts it; the others don't suffer.
    await Promise.allSettled(
      adopted.map(({ book, sinceMs }) => this.#close(book.log, provedEmpty(book, sinceMs))),
    )
  }

  closeOwn(clean: boolean): Promise<void> {
    return this.#close(this.own.log, clean)
  }

  #look(provedEmpty: (book: Book, sinceMs: number) => boolean): void {
    const { adoptIntervalMs } = this.#engine.settings
    const again = (): void => {
      if (this.#stopped) return
      this.#timer = this.#timers.set(adoptIntervalMs, () => this.#look(provedEmpty))
    }
    for (const adopted of this.#adopted) {
      if (provedEmpty(adopted.book, adopted.sinceMs)) this.#giveUp(adopted)
    }
    ask<DecisionLog | undefined>(
      () => this.refreshSiblings().then(() => this.#logs.adopt()),
      (log) => {
        if (log !== undefined && 'result' in log) this.#publish('failed', '', log.cause)
        else if (log !== undefined) this.#adopt(log)
        again()
      },
    )
  }

  #adopt(log: DecisionLog): void {
    if (this.#stopped) {
      log.close({ clean: false }).catch(() => undefined) // unclean: others will adopt it
      return
    }
    const book = new Book(log, this.#engine.resources, this.#clock)
    this.#adopted.add({ book, sinceMs: this.#clock.monotonicMs() })
    this.#publish('adopted', log.location, undefined)
    this.#engine.guarded(() => recoverBook(this.#engine, book))
  }

  #giveUp(adopted: Adopted): void {
    this.#adopted.delete(adopted)
    this.#close(adopted.book.log, true).catch(() => undefined) // published
  }

  async #close(log: DecisionLog, clean: boolean): Promise<void> {
    try {
      await log.close({ clean })
      this.#publish('closed', log.location, undefined)
    } catch (cause) {
      this.#publish('failed', log.location, cause)
      throw cause
    }
  }

  #publish(state: 'adopted' | 'failed' | 'closed', log: string, cause: unknown): void {
    if (this.#events.enabled) this.#events.publish({ type: 'log', state, log, cause })
  }
}
