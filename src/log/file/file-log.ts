/**
 * The decision log in files, of one slot, while this process holds it.
 *
 * Keeps A2 (a decision that differs from one that stands, or waits to be written, is never
 * appended), A3 and A9 (`outcome` tells a forced decision only once it is durable) and A11.
 */
import type { Decision } from '../../core/decision.ts'
import type { InstallationName, LogIdentity, TransactionKey } from '../../core/ids.ts'
import { invariant } from '../../core/invariant.ts'
import type { DiskLock } from '../../core/ports.ts'
import type { TransactionMap } from '../../core/transaction-map.ts'
import type {
  DecisionLog,
  LogRecord,
  LogStatistics,
  RecordOf,
  RetainedOutcome,
  UnfinishedTransaction,
} from '../contract.ts'
import type { StoredRecord } from '../records.ts'
import type { LogState } from '../state.ts'
import type { Checkpoints } from './checkpoints.ts'
import { ignoreFailure } from './durable-file.ts'
import { logFailed } from './failures.ts'
import type { Durable, GroupCommit } from './group-commit.ts'
import type { Inventory } from './inventory.ts'
import { fileName } from './layout.ts'
import type { SegmentSupply } from './segment-supply.ts'
import type { SegmentWriter } from './segment-writer.ts'

/** The parts of an open log. */
export interface FileLogParts {
  readonly installation: InstallationName
  readonly identity: LogIdentity
  readonly epoch: number
  readonly location: string
  readonly closedCleanly: boolean
  readonly wallMs: () => number
  readonly state: LogState
  readonly commits: GroupCommit
  readonly writer: SegmentWriter
  readonly supply: SegmentSupply
  readonly checkpoints: Checkpoints
  readonly inventory: Inventory
  readonly lock: DiskLock
}

/** A decision that is appended and not durable yet. */
export interface WaitingDecision {
  readonly decision: Decision
  readonly isForced: boolean
}

export class FileLog implements DecisionLog {
  readonly installation: InstallationName
  readonly identity: LogIdentity
  readonly epoch: number
  readonly location: string
  readonly closedCleanly: boolean
  readonly recovered: readonly UnfinishedTransaction[]
  readonly carried: undefined
  readonly #parts: FileLogParts
  readonly #waiting: TransactionMap<WaitingDecision>
  #closing: Promise<void> | undefined

  /** `waiting` is emptied by whoever makes the records durable; see `noteDurable`. */
  constructor(parts: FileLogParts, waiting: TransactionMap<WaitingDecision>) {
    this.installation = parts.installation
    this.identity = parts.identity
    this.epoch = parts.epoch
    this.location = parts.location
    this.closedCleanly = parts.closedCleanly
    this.recovered = parts.state.unfinished()
    this.#parts = parts
    this.#waiting = waiting
  }

  get failure(): Error | undefined {
    return this.#parts.commits.failure
  }

  resources(): readonly RecordOf<'resource'>[] {
    return this.#parts.state.resources()
  }

  append(record: LogRecord, durable?: Durable): void {
    if (this.#closing !== undefined) {
      const failure = logFailed(this.location, 'A write', new Error('the log is closed'))
      if (durable !== undefined) void Promise.resolve(failure).then(durable)
      return
    }
    if (record.type !== 'decided') {
      this.#parts.commits.append(record, durable)
      return
    }
    const { transaction, decision } = record
    const standing = this.#standing(transaction)
    const isOnly = standing === undefined || standing === decision
    invariant(isOnly, 'A2', 'a second decision, against the one that stands', record)
    this.#parts.commits.append(record, durable)
    const isForced = durable !== undefined
    if (standing === undefined) this.#waiting.set(transaction, { decision, isForced })
  }

  outcome(transaction: TransactionKey): RetainedOutcome {
    const waiting = this.#waiting.get(transaction)
    // What the resources have done already is so, durable here or not; a forced one may be lost.
    if (waiting !== undefined) return waiting.isForced ? 'unknown' : waiting.decision
    return this.#parts.state.outcome(transaction)
  }

  /** Whoever holds the lock alone writes here, so what is absent stays so. */
  presumeAborted(key: TransactionKey, found: (standing: Decision | Error) => void): void {
    const isWaiting = this.#waiting.get(key)?.isForced === true
    const standing = isWaiting
      ? new Error('its decision is being written')
      : (this.#standing(key) ?? 'aborted')
    void Promise.resolve(standing).then(found)
  }

  unfinished(): readonly UnfinishedTransaction[] {
    return this.#parts.state.unfinished()
  }

  statistics(): LogStatistics {
    const { commits, inventory, state } = this.#parts
    return {
      forcedWrites: commits.forcedWrites,
      records: commits.records,
      bytesOnDisk: inventory.sizeBytes,
      retainedOutcomes: state.keptOutcomes,
    }
  }

  close(options: { readonly clean: boolean }): Promise<void> {
    this.#closing ??= this.#close(options.clean)
    return this.#closing
  }

  /** The decision that is appended or durable. */
  #standing(transaction: TransactionKey): Decision | undefined {
    return this.#waiting.get(transaction)?.decision ?? this.#parts.state.decisionOf(transaction)
  }

  async #close(clean: boolean): Promise<void> {
    const { commits, writer, supply, checkpoints, inventory, lock, wallMs } = this.#parts
    commits.append({ type: 'closed', clean, wallMs: wallMs() })
    await commits.drain()
    await checkpoints.close()
    const unused = await supply.close()
    await writer.close()
    if (unused !== undefined && commits.failure === undefined) {
      await inventory.remove(fileName('segment', unused.number))
    }
    await ignoreFailure(lock.release())
  }
}

/** Takes records that became durable into the state. */
export function noteDurable(
  state: LogState,
  waiting: TransactionMap<WaitingDecision>,
  records: readonly StoredRecord[],
): void {
  for (const record of records) {
    state.apply(record)
    if (record.type === 'decided') waiting.delete(record.transaction)
  }
}
