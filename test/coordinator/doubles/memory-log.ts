/**
 * Decision logs in memory, over the production reducer `LogState`: what a record means is what it
 * means in files, and the test decides what is durable, what a crash loses, and when a write fails.
 */
import type { Decision } from '../../../src/core/decision.ts'
import type { InstallationName, LogIdentity, TransactionKey } from '../../../src/core/ids.ts'
import type {
  CarriedDecisions,
  DecisionLog,
  DecisionLogs,
  LogRecord,
  LogStatistics,
  RecordOf,
  RetainedOutcome,
  UnfinishedTransaction,
} from '../../../src/log/contract.ts'
import type { StoredRecord } from '../../../src/log/records.ts'
import { LogState } from '../../../src/log/state.ts'

type Durable = (failure: Error | undefined) => void

interface Waiting {
  readonly record: StoredRecord
  readonly durable: Durable | undefined
}

/** What survives a crash. */
interface Slot {
  readonly number: number
  readonly identity: LogIdentity
  readonly durable: StoredRecord[]
  holder: MemoryLog | undefined
}

export class MemoryLogs implements DecisionLogs {
  readonly installation: InstallationName
  readonly slots: Slot[] = []
  /** Whether a forced write takes place at once, or when `writeOut` is called. */
  durability: 'at once' | 'when told' = 'at once'
  /** The next forced write fails with this; what it carried is on disk all the same, or not. */
  nextFailure: { readonly error: Error; readonly kept: boolean } | undefined
  /** Hears of every record that is appended. */
  onAppend: ((record: StoredRecord, isForced: boolean) => void) | undefined
  /** What `adopt` rejects with. */
  adoptFailure: Error | undefined

  constructor(installation = 'shop') {
    this.installation = installation as InstallationName
  }

  async open(): Promise<MemoryLog> {
    const free = this.slots.find(({ holder }) => holder === undefined)
    return new MemoryLog(this, free ?? this.#newSlot())
  }

  async adopt(): Promise<MemoryLog | undefined> {
    if (this.adoptFailure !== undefined) throw this.adoptFailure
    const left = this.slots.find((slot) => slot.holder === undefined && !isClean(slot))
    return left === undefined ? undefined : new MemoryLog(this, left)
  }

  async identities(): Promise<readonly LogIdentity[]> {
    return this.slots.map(({ identity }) => identity)
  }

  /** The records that are durable in a slot, of the kinds that the contract knows. */
  durableRecords(slot = 0): StoredRecord[] {
    const own: readonly string[] = ['epoch', 'closed', 'low-water', 'outcomes', 'audit']
    return (this.slots[slot]?.durable ?? []).filter(({ type }) => !own.includes(type))
  }

  #newSlot(): Slot {
    const number = this.slots.length
    const identity = `${number}`.padStart(13, '0') as LogIdentity
    const slot: Slot = { number, identity, durable: [], holder: undefined }
    this.slots.push(slot)
    return slot
  }
}

function isClean({ durable }: Slot): boolean {
  const last = durable.at(-1)
  return last === undefined || (last.type === 'closed' && last.clean)
}

export class MemoryLog implements DecisionLog {
  readonly installation: InstallationName
  readonly identity: LogIdentity
  readonly epoch: number
  readonly location: string
  readonly closedCleanly: boolean
  readonly recovered: readonly UnfinishedTransaction[]
  failure: Error | undefined
  forcedWrites = 0
  isClosed = false
  readonly carried: CarriedDecisions | undefined = undefined
  /** What `close` rejects with. */
  closeFailure: Error | undefined
  readonly #logs: MemoryLogs
  readonly #slot: Slot
  readonly #state = new LogState()
  #waiting: Waiting[] = []
  #isWriteDue = false

  constructor(logs: MemoryLogs, slot: Slot) {
    this.#logs = logs
    this.#slot = slot
    this.installation = logs.installation
    this.identity = slot.identity
    this.location = `memory/slot-${slot.number}`
    this.closedCleanly = isClean(slot)
    slot.holder = this
    for (const record of slot.durable) this.#state.apply(record)
    this.epoch = this.#state.epoch + 1
    this.#keep({ type: 'epoch', epoch: this.epoch, wallMs: 0 })
    this.recovered = this.#state.unfinished()
  }

  resources(): readonly RecordOf<'resource'>[] {
    return this.#state.resources()
  }

  append(record: LogRecord, durable?: Durable): void {
    if (this.failure !== undefined || this.isClosed) {
      const failure = this.failure ?? new Error('the log is closed')
      if (durable !== undefined) queueMicrotask(() => durable(failure))
      return
    }
    this.#logs.onAppend?.(record, durable !== undefined)
    this.#waiting.push({ record, durable })
    if (durable === undefined || this.#logs.durability === 'when told') return
    if (this.#isWriteDue) return
    this.#isWriteDue = true
    queueMicrotask(() => this.writeOut())
  }

  /** How many forced records wait for their write. */
  get forcedWaiting(): number {
    return this.#waiting.filter(({ durable }) => durable !== undefined).length
  }

  /** Writes what waits, the lazy records included, in one forced write. */
  writeOut(): void {
    this.#isWriteDue = false
    if (this.#slot.holder !== this) return // the process is dead
    const batch = this.#waiting
    this.#waiting = []
    const { nextFailure: failing } = this.#logs
    const isForced = batch.some(({ durable }) => durable !== undefined)
    if (isForced) this.forcedWrites += 1
    if (failing !== undefined && isForced) {
      this.#logs.nextFailure = undefined
      this.failure = failing.error
      if (failing.kept) for (const { record } of batch) this.#slot.durable.push(record)
    } else {
      for (const { record } of batch) this.#keep(record)
    }
    for (const { durable } of batch) durable?.(this.failure)
  }

  outcome(transaction: TransactionKey): RetainedOutcome {
    const decision = this.#waiting.find(
      ({ record }) =>
        record.type === 'decided' &&
        record.transaction.epoch === transaction.epoch &&
        record.transaction.counter === transaction.counter,
    )
    if (decision?.record.type === 'decided') {
      return decision.durable === undefined ? decision.record.decision : 'unknown'
    }
    return this.#state.outcome(transaction)
  }

  /** The log is this process's alone: what has no decision in it has none. */
  presumeAborted(transaction: TransactionKey, found: (standing: Decision | Error) => void): void {
    const known = this.#state.outcome(transaction)
    queueMicrotask(() => found(known === 'committed' ? known : 'aborted'))
  }

  unfinished(): readonly UnfinishedTransaction[] {
    return this.#state.unfinished()
  }

  statistics(): LogStatistics {
    return {
      forcedWrites: this.forcedWrites,
      records: this.#slot.durable.length,
      bytesOnDisk: 0,
      retainedOutcomes: this.#state.keptOutcomes,
    }
  }

  async close({ clean }: { readonly clean: boolean }): Promise<void> {
    this.isClosed = true
    this.writeOut()
    if (this.closeFailure !== undefined) throw this.closeFailure
    if (this.failure === undefined) this.#keep({ type: 'closed', clean, wallMs: 0 })
    this.#slot.holder = undefined
  }

  /** What waits reaches the disk, and nobody gets to know: the process dies at that moment. */
  writeOutSilently(): void {
    for (const { record } of this.#waiting) this.#slot.durable.push(record)
    this.#waiting = []
  }

  /** The process is dead: what was not durable is gone, and nobody is called back. */
  die(): void {
    this.#waiting = []
    this.#slot.holder = undefined
  }

  #keep(record: StoredRecord): void {
    this.#slot.durable.push(record)
    this.#state.apply(record)
  }
}
