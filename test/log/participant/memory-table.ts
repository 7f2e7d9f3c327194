/**
 * A decision table in memory, as honest as a database: keys are unique, a change is written whole or
 * not at all, a lock lasts as long as its session, and an answer can be lost with its effect or
 * without. What survives its users is what is in here; whoever uses it may die.
 */
import type {
  DecisionRow,
  DecisionTable,
  LockRequest,
  NamedRecord,
  TableChange,
  TableContents,
  TableHolder,
  TableLog,
  TableSession,
} from '../../../src/core/decision-table.ts'
import { AssentError } from '../../../src/core/errors.ts'
import type { InstallationName, LogIdentity, TransactionKey } from '../../../src/core/ids.ts'

export type Request = 'prepare' | 'logs' | 'lock' | 'read' | 'write' | 'removePresumed' | 'presume'

/**
 * What becomes of a request: it is refused and does nothing; its answer is lost, before or after it
 * was done, and the session with it; or it hangs for ever, before or after; or it is done late, or
 * answered late.
 */
export type Fault =
  | 'refused'
  | 'lost-before'
  | 'lost-after'
  | 'hangs-before'
  | 'hangs-after'
  | 'done-late'
  | 'late'

interface StoredLog {
  slot: number
  readonly installation: InstallationName
  readonly identity: LogIdentity
  epoch: number
  isClean: boolean
  readonly records: Map<string, Uint8Array>
  holder: MemorySession | undefined
}

interface StoredRow extends DecisionRow {
  /** Transactions that were open when it was presumed. */
  readonly openThen: ReadonlySet<LocalTransaction> | undefined
}

/** A transaction of a user's connection, with a row that nobody sees before it ends. */
export interface LocalTransaction {
  /** Inserts the row and commits: false where that failed, and all of it was rolled back. */
  commitWith(row: DecisionRow): boolean
  rollback(): void
}

export class MemoryTable implements DecisionTable {
  readonly location = 'memory:orders'
  readonly rows = new Map<string, StoredRow>()
  readonly stored: StoredLog[] = []
  readonly open = new Set<LocalTransaction>()
  /** Everything that was asked, in order. */
  readonly asked: Request[] = []
  readonly changes: TableChange[] = []
  /** Asked before each request. */
  faultOf: (request: Request) => Fault | undefined = () => undefined
  /** When what is late comes. */
  late: Promise<void> = Promise.resolve()
  /** Whether the server keeps the lock of a session that is lost, as one does that does not notice. */
  keepsLocks = false

  async prepare(): Promise<void> {
    await this.ask('prepare', undefined, () => undefined)
  }

  logs(installation: InstallationName): Promise<readonly TableLog[]> {
    return this.ask('logs', undefined, () =>
      this.stored.filter((each) => each.installation === installation).map(shown),
    )
  }

  lock({ installation, slot, identity }: LockRequest): Promise<TableSession | undefined> {
    return this.ask('lock', undefined, () => {
      const isHere = (each: StoredLog): boolean =>
        each.installation === installation && each.slot === slot
      let log = this.stored.find(isHere)
      if (log?.holder !== undefined) return undefined
      if (log === undefined) {
        const state = { epoch: 0, isClean: true, records: new Map(), holder: undefined }
        log = { slot, installation, identity, ...state }
        this.stored.push(log)
      }
      log.holder = new MemorySession(this, log)
      return log.holder
    })
  }

  presumeAborted(holder: TableHolder, transaction: TransactionKey): Promise<DecisionRow> {
    return this.ask('presume', undefined, () => {
      const log = this.stored.find(({ identity }) => identity === holder.log)
      if (log?.epoch !== holder.epoch) throw new Error('the log is not at this epoch any more')
      const key = keyOf(holder.log, transaction)
      const standing = this.rows.get(key)
      if (standing !== undefined) return standing
      const { epoch, counter } = transaction
      const row: StoredRow = {
        log: holder.log,
        transaction: { epoch, counter },
        decision: 'aborted',
        record: new Uint8Array(),
        openThen: new Set(this.open),
      }
      this.rows.set(key, row)
      return row
    })
  }

  /** Begins a transaction of a branch. */
  begin(): LocalTransaction {
    const transaction: LocalTransaction = {
      commitWith: (row) => {
        this.open.delete(transaction)
        return this.insertCarried(row)
      },
      rollback: () => void this.open.delete(transaction),
    }
    this.open.add(transaction)
    return transaction
  }

  /** The row of a branch's local commit: plain, and only while the log is at its epoch. */
  insertCarried(row: DecisionRow): boolean {
    const log = this.stored.find(({ identity }) => identity === row.log)
    const key = keyOf(row.log, row.transaction)
    if (log?.epoch !== row.transaction.epoch || this.rows.has(key)) return false
    this.rows.set(key, { ...row, openThen: undefined })
    return true
  }

  rowOf(log: LogIdentity, key: TransactionKey): DecisionRow | undefined {
    return this.rows.get(keyOf(log, key))
  }

  log(slot = 0): StoredLog {
    const found = this.stored.find((each) => each.slot === slot)
    if (found === undefined) throw new Error(`no log in slot ${slot}`)
    return found
  }

  /** The connection that holds a slot breaks. */
  breakSession(slot = 0): void {
    this.log(slot).holder?.break()
  }

  /** The server notices that a session is gone whose lock it had kept. */
  releaseLocks(): void {
    for (const log of this.stored) if (log.holder?.isLost) log.holder = undefined
  }

  async ask<Answer>(
    request: Request,
    session: MemorySession | undefined,
    answer: () => Answer,
  ): Promise<Answer> {
    this.asked.push(request)
    const fault = this.faultOf(request)
    await Promise.resolve()
    if (session?.isLost) throw new Error('the session is gone')
    if (fault === 'refused') throw new Error(`${request} was refused`)
    if (fault === 'lost-before' || fault === 'hangs-before') return await lost(session, fault)
    if (fault === 'done-late') await this.late
    const answered = answer()
    if (fault === 'late') await this.late
    if (fault === 'lost-after' || fault === 'hangs-after') return await lost(session, fault)
    return answered
  }
}

/** Once a session is over, nothing that it was asked is done any more. */
async function lost(session: MemorySession | undefined, fault: Fault): Promise<never> {
  if (fault.startsWith('hangs')) return await new Promise<never>(() => undefined)
  session?.break()
  throw new Error('the connection was reset')
}

export class MemorySession implements TableSession {
  readonly log: TableLog
  onLost: ((cause: unknown) => void) | undefined
  isLost = false
  readonly #table: MemoryTable
  readonly #stored: StoredLog
  #isBusy = false

  constructor(table: MemoryTable, stored: StoredLog) {
    this.#table = table
    this.#stored = stored
    this.log = shown(stored)
  }

  read(): Promise<TableContents> {
    return this.#one('read', () => {
      const { identity, records } = this.#stored
      const decisions = [...this.#table.rows.values()].filter(({ log }) => log === identity)
      const named = [...records].map(([name, record]): NamedRecord => ({ name, record }))
      return { decisions, records: named }
    })
  }

  write(change: TableChange): Promise<void> {
    return this.#one('write', () => this.#apply(change))
  }

  removePresumed(keys: readonly TransactionKey[]): Promise<readonly TransactionKey[]> {
    return this.#one('removePresumed', () => {
      const { rows, open } = this.#table
      return keys.filter((key) => {
        if (key.epoch >= this.#stored.epoch) throw new Error('a presumption of the running epoch')
        const name = keyOf(this.#stored.identity, key)
        const openThen = rows.get(name)?.openThen
        if (openThen === undefined) return !rows.has(name)
        if ([...openThen].some((each) => open.has(each))) return false
        return rows.delete(name)
      })
    })
  }

  async release(): Promise<void> {
    this.onLost = undefined
    this.break()
  }

  break(): void {
    if (this.isLost) return
    this.isLost = true
    if (!this.#table.keepsLocks && this.#stored.holder === this) this.#stored.holder = undefined
    const tell = this.onLost
    queueMicrotask(() => tell?.(new Error('the connection was reset')))
  }

  async #one<Answer>(request: Request, answer: () => Answer): Promise<Answer> {
    if (this.#isBusy) throw new AssentError('ASSENT_INVALID_OPTION', 'two at once', { option: '' })
    this.#isBusy = true
    try {
      return await this.#table.ask(request, this, answer)
    } finally {
      this.#isBusy = false
    }
  }

  #apply(change: TableChange): void {
    const { rows } = this.#table
    const { identity, records } = this.#stored
    const decisions = change.decisions ?? []
    for (const row of decisions) {
      if (rows.has(keyOf(row.log, row.transaction))) throw new Error('duplicate key')
    }
    this.#table.changes.push(change)
    for (const row of decisions) {
      rows.set(keyOf(row.log, row.transaction), { ...row, openThen: undefined })
    }
    for (const { name, record } of change.records ?? []) records.set(name, record)
    for (const name of change.removed ?? []) records.delete(name)
    for (const key of change.settled ?? []) rows.delete(keyOf(identity, key))
    this.#stored.epoch = change.epoch ?? this.#stored.epoch
    this.#stored.isClean = change.isClean ?? this.#stored.isClean
  }
}

function shown({ slot, identity, epoch, isClean }: StoredLog): TableLog {
  return { slot, identity, epoch, isClean }
}

function keyOf(log: LogIdentity, { epoch, counter }: TransactionKey): string {
  return `${log} ${epoch} ${counter}`
}
