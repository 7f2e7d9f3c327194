/**
 * The decision log that is kept in a participant's database, of one slot, while this process holds it.
 *
 * Keeps A2 (a decision that differs from one that stands is never appended), A3 (a forced decision is
 * told only once it is durable), A9 (absence is made final in the table before a prepared branch, or a
 * caller, is told `aborted`) and A11.
 */
import type { Decision } from '../../core/decision.ts'
import type { DecisionRow, DecisionTable } from '../../core/decision-table.ts'
import { isAssentError } from '../../core/errors.ts'
import type { InstallationName, LogIdentity, TransactionKey } from '../../core/ids.ts'
import type { Clock, Timer, Timers } from '../../core/ports.ts'
import { TransactionMap } from '../../core/transaction-map.ts'
import type {
  CarriedDecisions,
  DecisionLog,
  LogRecord,
  LogStatistics,
  RecordOf,
  RetainedOutcome,
  UnfinishedTransaction,
} from '../contract.ts'
import type { Retention } from '../kept-outcomes.ts'
import { bounded } from './bounded.ts'
import { logFailed } from './failures.ts'
import type { TableState } from './table-state.ts'
import type { Durable, WriteLoop } from './write-loop.ts'

export interface ParticipantLogParts {
  readonly installation: InstallationName
  readonly identity: LogIdentity
  readonly epoch: number
  readonly location: string
  readonly closedCleanly: boolean
  /** The name of the resource whose branches carry decisions. */
  readonly resource: string
  readonly table: DecisionTable
  readonly state: TableState
  readonly loop: WriteLoop
  readonly retention: Retention
  readonly clock: Clock
  readonly timers: Timers
  readonly backgroundTimers: Timers
  readonly answerLimitMs: number
  /** Between two looks for what is too old, and for presumptions that nobody can run into any more. */
  readonly tidyIntervalMs: number
  /** The slot is given up. */
  readonly onClosed: () => void
}

export class ParticipantLog implements DecisionLog {
  readonly installation: InstallationName
  readonly identity: LogIdentity
  readonly epoch: number
  readonly location: string
  readonly closedCleanly: boolean
  readonly recovered: readonly UnfinishedTransaction[]
  readonly carried: CarriedDecisions
  readonly #parts: ParticipantLogParts
  /** Decisions that somebody waits for, and that are not durable yet. */
  readonly #waiting = new TransactionMap<true>()
  #records = 0
  #tidyTimer: Timer | undefined
  #closing: Promise<void> | undefined

  constructor(parts: ParticipantLogParts) {
    this.installation = parts.installation
    this.identity = parts.identity
    this.epoch = parts.epoch
    this.location = parts.location
    this.closedCleanly = parts.closedCleanly
    this.recovered = parts.state.log.unfinished()
    this.#parts = parts
    this.carried = {
      resource: parts.resource,
      rowOf: (record) => parts.state.rowOf(record),
      note: (record) => parts.state.note(record),
    }
    this.#tidyLater()
  }

  get failure(): Error | undefined {
    return this.#parts.loop.failure
  }

  resources(): readonly RecordOf<'resource'>[] {
    return this.#parts.state.log.resources()
  }

  append(record: LogRecord, durable?: Durable): void {
    const { state, loop } = this.#parts
    const refusal = this.failure ?? this.#refusal()
    if (refusal !== undefined) {
      if (durable !== undefined) void Promise.resolve(refusal).then(durable)
      return
    }
    this.#records += 1
    state.apply(record, durable !== undefined)
    if (durable === undefined) return loop.changed()
    if (record.type === 'forgotten') loop.booksToo()
    loop.changed(record.type === 'decided' ? this.#untilDurable(record, durable) : durable)
  }

  outcome(transaction: TransactionKey): RetainedOutcome {
    // It may be lost, or not: until it is known, nobody can tell.
    if (this.#waiting.get(transaction)) return 'unknown'
    return this.#parts.state.log.outcome(transaction)
  }

  presumeAborted({ epoch, counter }: TransactionKey, found: (s: Decision | Error) => void): void {
    const key = { epoch, counter }
    const known = this.#refusal() ?? this.#known(key)
    if (known !== undefined) return void Promise.resolve(known).then(found)
    const holder = { log: this.identity, epoch: this.epoch }
    const lost = (cause: unknown): Error => (cause instanceof Error ? cause : new Error(`${cause}`))
    // What breaks an invariant in between is left to stop the process.
    void this.#parts.table
      .presumeAborted(holder, key)
      .then((row) => this.#refusal() ?? this.#learn(row), lost)
      .then(found)
  }

  unfinished(): readonly UnfinishedTransaction[] {
    return this.#parts.state.log.unfinished()
  }

  statistics(): LogStatistics {
    const { state, loop } = this.#parts
    return {
      forcedWrites: loop.forcedWrites,
      records: this.#records,
      bytesOnDisk: state.changes.storedBytes,
      retainedOutcomes: state.log.keptOutcomes,
    }
  }

  close(options: { readonly clean: boolean }): Promise<void> {
    this.#closing ??= this.#close(options.clean)
    return this.#closing
  }

  /** What needs no question to the table. */
  #known(key: TransactionKey): Decision | Error | undefined {
    if (this.#waiting.get(key)) return new Error('its decision is being written')
    const { log } = this.#parts.state
    const decision = log.decisionOf(key)
    if (decision !== undefined) return decision
    const kept = log.keptOf(key)
    return kept && new Error(`it is over, and ended ${kept}`)
  }

  #learn(row: DecisionRow): Decision | Error {
    const { state, clock, loop } = this.#parts
    try {
      const decision = state.learn(row, clock.wallMs())
      loop.changed()
      return decision
    } catch (cause) {
      if (isAssentError(cause)) return cause // it can't be read
      throw cause
    }
  }

  #untilDurable({ transaction }: RecordOf<'decided'>, durable: Durable): Durable {
    this.#waiting.set(transaction, true)
    return (failure) => {
      if (failure === undefined) this.#waiting.delete(transaction)
      durable(failure)
    }
  }

  #tidyLater(): void {
    const { backgroundTimers, tidyIntervalMs } = this.#parts
    this.#tidyTimer = backgroundTimers.set(tidyIntervalMs, () => {
      this.#tidy()
      this.#tidyLater()
    })
  }

  #tidy(): void {
    const { state, loop, clock, retention } = this.#parts
    if (loop.failure !== undefined) return
    state.retire(clock.wallMs(), retention)
    if (state.changes.hasRecords) loop.changed()
    const presumed = state.presumedBefore()
    if (presumed.length === 0) return
    loop.run(async (session) => state.presumedGone(await session.removePresumed(presumed)))
  }

  /** Where that takes too long, the slot is given up as it is: the next one to open it goes on. */
  async #close(clean: boolean): Promise<void> {
    const { loop, timers, backgroundTimers, answerLimitMs, onClosed } = this.#parts
    if (this.#tidyTimer !== undefined) backgroundTimers.clear(this.#tidyTimer)
    try {
      await bounded(timers, answerLimitMs, loop.drain())
      const { session } = loop.lease
      if (clean && session !== undefined && loop.failure === undefined) {
        await bounded(timers, answerLimitMs, session.write({ isClean: true }))
      }
    } catch (cause) {
      // The slot stays unclean, so that somebody looks after it.
      loop.fail('could not be written when it was closed', cause)
    }
    loop.stop()
    await loop.lease.release()
    onClosed()
  }

  /** Set once it is closing: it then takes nothing more, and says nothing more. */
  #refusal(): Error | undefined {
    if (this.#closing === undefined) return undefined
    return logFailed(this.location, 'is closed', undefined)
  }
}
