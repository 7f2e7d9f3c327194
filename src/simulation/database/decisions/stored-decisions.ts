/**
 * The tables in which a simulated database keeps decisions, as far as they are durable: rows under a
 * unique key, records by name, logs by slot. What locks a slot is a session, and no crash keeps it.
 */
import type {
  DecisionRow,
  LockRequest,
  TableChange,
  TableContents,
  TableLog,
} from '../../../core/decision-table.ts'
import type { InstallationName, LogIdentity, TransactionKey } from '../../../core/ids.ts'
import { rowName } from './messages.ts'

/** Told what is durable in the tables, when it is. */
export interface DecisionObserver {
  /** A client has locked the slot of a log. */
  locked(log: TableLog, client: string): void
  /** Before anything of a client's change is done. */
  changing(log: TableLog, change: TableChange, client: string): void
  inserted(row: DecisionRow): void
  /** `isOpen`: a transaction is open still that was open when the row was written. */
  removed(row: DecisionRow, isOpen: boolean): void
  /** Something worth counting took place. */
  count(what: string): void
}

export interface StoredRow extends DecisionRow {
  /** The transactions that were open when it was written. */
  readonly openThen: ReadonlySet<string>
}

export interface StoredLog extends TableLog {
  readonly installation: InstallationName
  epoch: number
  isClean: boolean
  /** The transactions that were open when its epoch was raised last. */
  openAtRaise: ReadonlySet<string>
  readonly records: Map<string, Uint8Array>
  /** Not durable: transactions that keep it at its epoch, and who waits to raise that. */
  readonly keptBy: Set<string>
  readonly raises: (() => void)[]
}

export interface StoredDecisionsOptions {
  readonly observer: DecisionObserver
  /** Branches see the epochs of logs as they were when they began: REPEATABLE READ. */
  readonly takesSnapshots: boolean
}

export class StoredDecisions {
  readonly takesSnapshots: boolean
  readonly #observer: DecisionObserver
  readonly #rows = new Map<string, StoredRow>()
  readonly #logs = new Map<string, StoredLog>()

  constructor({ observer, takesSnapshots }: StoredDecisionsOptions) {
    this.#observer = observer
    this.takesSnapshots = takesSnapshots
  }

  locked(log: TableLog, client: string): void {
    this.#observer.locked(log, client)
  }

  /** By log. */
  epochs(): ReadonlyMap<LogIdentity, number> {
    return new Map([...this.#logs.values()].map(({ identity, epoch }) => [identity, epoch]))
  }

  count(what: string): void {
    this.#observer.count(what)
  }

  logsOf(installation: InstallationName): TableLog[] {
    return [...this.#logs.values()]
      .filter((log) => log.installation === installation)
      .map(({ slot, identity, epoch, isClean }) => ({ slot, identity, epoch, isClean }))
      .sort((one, other) => one.slot - other.slot)
  }

  logOf(identity: LogIdentity): StoredLog | undefined {
    return [...this.#logs.values()].find((log) => log.identity === identity)
  }

  /** What is not durable is gone. */
  crash(): void {
    for (const { keptBy, raises } of this.#logs.values()) {
      keptBy.clear()
      raises.length = 0
    }
  }

  logIn(slot: string): StoredLog | undefined {
    return this.#logs.get(slot)
  }

  makeLog({ installation, slot, identity }: LockRequest): StoredLog {
    const log: StoredLog = {
      installation,
      slot,
      identity,
      epoch: 0,
      isClean: true,
      openAtRaise: new Set(),
      records: new Map(),
      keptBy: new Set(),
      raises: [],
    }
    this.#logs.set(slotName({ installation, slot }), log)
    return log
  }

  row(log: LogIdentity, key: TransactionKey): StoredRow | undefined {
    return this.#rows.get(rowName(log, key))
  }

  insert(row: DecisionRow, openThen: ReadonlySet<string>): void {
    this.#rows.set(rowName(row.log, row.transaction), { ...row, openThen })
    this.#observer.inserted(row)
  }

  contentsOf(log: StoredLog): TableContents {
    const decisions = [...this.#rows.values()]
      .filter((row) => row.log === log.identity)
      .map(({ openThen: _, ...row }) => row)
    const records = [...log.records].map(([name, record]) => ({ name, record }))
    return { decisions, records }
  }

  /** All of a client's change; whoever calls it has waited for the keys of its rows. */
  change(
    log: StoredLog,
    change: TableChange,
    { client, ...open }: OpenTransactions & { readonly client: string },
  ): void {
    this.#observer.changing(log, change, client)
    if (change.epoch !== undefined) log.openAtRaise = open.now
    log.epoch = change.epoch ?? log.epoch
    log.isClean = change.isClean ?? log.isClean
    for (const { name, record } of change.records ?? []) log.records.set(name, record)
    for (const name of change.removed ?? []) log.records.delete(name)
    for (const row of change.decisions ?? []) this.insert(row, open.now)
    for (const key of change.settled ?? []) {
      if (this.remove(log, key, open.isOpen)) this.count('row removed when settled')
    }
  }

  /** Answers whether there was one. */
  remove(log: StoredLog, key: TransactionKey, isOpen: (xid: string) => boolean): boolean {
    const row = this.row(log.identity, key)
    if (row === undefined) return false
    this.#rows.delete(rowName(log.identity, key))
    this.#observer.removed(row, !isProved(row, log, isOpen))
    return true
  }
}

/** Transactions of the database. */
export interface OpenTransactions {
  /** Those that are open beside the one that asks. */
  readonly now: ReadonlySet<string>
  readonly isOpen: (xid: string) => boolean
}

/** Whether no transaction is open still that was when the row was written, or its log opened. */
export function isProved(
  { openThen }: StoredRow,
  { openAtRaise }: StoredLog,
  isOpen: (xid: string) => boolean,
): boolean {
  return ![...openThen, ...openAtRaise].some(isOpen)
}

/** Whether a presumption wrote it. */
export function isPresumed({ decision, record }: DecisionRow): boolean {
  return decision === 'aborted' && record.length === 0
}

/** What a session locks. */
export function slotName({
  installation,
  slot,
}: Pick<LockRequest, 'installation' | 'slot'>): string {
  return `slot ${installation}/${slot}`
}
