/**
 * Told by the database that keeps the decisions what becomes durable there, and holds whoever wrote
 * it to account:
 *
 * - A2: a presumed row goes only when no transaction is open that could have met it;
 * - A8: an epoch only grows, and whoever raised it last is the only one who writes;
 * - A10: the row of a decision goes only when every branch has learnt it, and a log is declared clean
 *   only when nothing of it is prepared anywhere.
 */
import type { DecisionRow, TableChange, TableLog } from '../../core/decision-table.ts'
import { formatTransactionId, type InstallationName, type LogIdentity } from '../../core/ids.ts'
import { decodeDecision, decodeRecords } from '../../log/participant/record-bytes.ts'
import { type DecisionObserver, isPresumed } from '../database/decisions/stored-decisions.ts'
import type { Broken } from '../violations.ts'
import type { DurableRecords } from './durable-records.ts'
import type { Facts, TransactionFacts } from './facts.ts'
import type { Owners } from './owners.ts'

export interface TableWatchOptions {
  readonly installation: InstallationName
  readonly facts: Facts
  readonly durable: DurableRecords
  readonly owners: Owners
  /** Prepared branches of a log that are at the resources. */
  readonly preparedOf: (log: LogIdentity) => readonly string[]
  readonly broken: Broken
  readonly count: (what: string) => void
  readonly nowMs: () => number
}

/** Who has opened a log last, and when it locked that: all that was there then it has read. */
interface Opened {
  readonly client: string
  readonly lockedMs: number
}

export class TableWatch implements DecisionObserver {
  readonly #options: TableWatchOptions
  readonly #opened = new Map<LogIdentity, Opened>()
  /** When a slot was locked last. */
  readonly #lockedMs = new Map<LogIdentity, number>()
  /** When the row of a transaction became durable, by its id. */
  readonly #insertedMs = new Map<string, number>()

  constructor(options: TableWatchOptions) {
    this.#options = options
  }

  count(what: string): void {
    this.#options.count(what)
  }

  locked({ identity }: TableLog, client: string): void {
    this.#lockedMs.set(identity, this.#options.nowMs())
    if (this.#opened.get(identity)?.client === client) this.count('lock session regained')
  }

  changing({ identity, epoch }: TableLog, change: TableChange, client: string): void {
    const { durable, broken } = this.#options
    const opener = this.#opened.get(identity)?.client
    if (change.epoch !== undefined) {
      this.#opened.set(identity, { client, lockedMs: this.#lockedMs.get(identity) ?? 0 })
    } else if (opener !== client) {
      broken('A8', `${client} writes to the log ${identity}, which ${opener} has opened since`)
    }
    if (change.epoch !== undefined && change.epoch <= epoch) {
      broken('A8', `the log ${identity} had epoch ${epoch}, and is given ${change.epoch}`)
    }
    if (change.isClean === true) this.#declaredClean(identity)
    for (const { name, record } of change.records ?? []) {
      durable.take(identity, decodeRecords(name, record))
    }
  }

  inserted(row: DecisionRow): void {
    const { durable, broken, nowMs } = this.#options
    this.#insertedMs.set(this.#idOf(row), nowMs())
    if (isPresumed(row)) return durable.presumed(row.log, row.transaction)
    const id = this.#idOf(row)
    const record = decodeDecision(id, row.record)
    durable.take(row.log, [record])
    if (record.decision === row.decision && durable.decisionOf(id) === row.decision) return
    broken('A2', `${id} is ${row.decision} by its row, and recorded ${durable.decisionOf(id)}`)
  }

  removed(row: DecisionRow, isOpen: boolean): void {
    const { facts, broken } = this.#options
    const id = this.#idOf(row)
    if (isPresumed(row)) {
      if (isOpen) broken('A2', `${id} was presumed aborted, and its row is gone too early`)
      return
    }
    const left = row.decision === 'committed' ? undelivered(facts.get(id)) : []
    if (left.length > 0) broken('A10', `the row of ${id} is gone, and it is prepared at ${left}`)
  }

  /** Whether its row was there when `client` locked the log to open it, so that it has been read. */
  wasThere(id: string, log: LogIdentity, client: string): boolean {
    const opened = this.#opened.get(log)
    const insertedMs = this.#insertedMs.get(id) ?? Number.POSITIVE_INFINITY
    return opened?.client === client && insertedMs < opened.lockedMs
  }

  #declaredClean(identity: LogIdentity): void {
    const { owners, preparedOf, broken } = this.#options
    const left = preparedOf(identity)
    if (left.length > 0) broken('A10', `the log ${identity} is declared clean, and left ${left}`)
    owners.declaredClean(identity)
  }

  #idOf({ log, transaction }: DecisionRow): ReturnType<typeof formatTransactionId> {
    return formatTransactionId({ installation: this.#options.installation, log, ...transaction })
  }
}

function undelivered(found: TransactionFacts | undefined): string[] {
  return [...(found?.done ?? [])]
    .filter(([, { state }]) => state === 'prepared')
    .map(([resource]) => resource)
}
