/**
 * A database that can prepare, in memory: what it holds survives the processes that use it, every
 * call is written down, and a test may answer any call in its stead.
 */
import type { DecisionRow, DecisionTable } from '../../../src/core/decision-table.ts'
import type { BranchId } from '../../../src/core/ids.ts'
import type {
  Acknowledgement,
  BeginOptions,
  Branch,
  OnePhaseResult,
  Participant,
  PreparedBranch,
  RecoveredBranchOptions,
  ResourceCheck,
  Savepoint,
  Vote,
} from '../../../src/participants/contract.ts'
import { FifoPool, type Lease } from './fifo-pool.ts'

/** What the work gets: it writes rows, which are there once the branch has committed. */
export interface FakeClient {
  readonly id: BranchId
  readonly options: BeginOptions
  write(row: string): void
  /** Begins work that is pending until the answered function is called. */
  beginWork(what: string): () => void
  /** As a failed statement does in PostgreSQL: the branch can only roll back. */
  fail(cause: unknown): void
}

/** Answers that a test gives instead of the database. */
export interface Answers {
  check?: () => Promise<ResourceCheck>
  begin?: (options: BeginOptions) => Promise<void>
  prepare?: (id: BranchId) => Promise<Vote>
  commitOnePhase?: (id: BranchId) => Promise<OnePhaseResult>
  /** `commit` is what the database would do: both the work and the row, or neither. */
  commitWithDecision?: (id: BranchId, commit: () => OnePhaseResult) => Promise<OnePhaseResult>
  commit?: (id: BranchId) => Promise<Acknowledgement>
  rollback?: (id: BranchId) => Promise<Acknowledgement>
  savepoint?: () => Promise<void>
  releaseSavepoint?: () => Promise<void>
  rollbackSavepoint?: () => Promise<void>
  listPrepared?: () => Promise<readonly PreparedBranch[]>
}

export interface FakeDatabaseOptions {
  readonly fingerprint?: string
  readonly canPrepare?: boolean
  readonly canCommitOnePhase?: boolean
  readonly hasSavepoints?: boolean
  readonly canList?: boolean
  readonly preparedLimit?: number
  readonly poolSize?: number
  /** Keeps decisions here. */
  readonly table?: DecisionTable & { insertCarried(row: DecisionRow): boolean }
}

export class FakeDatabase {
  /** `prepare <branch id>` and so on, in the order of the calls. */
  readonly calls: string[] = []
  /** The rows of each prepared branch. */
  readonly prepared = new Map<string, readonly string[]>()
  /** The rows of all branches that have committed. */
  readonly rows: string[] = []
  readonly on: Answers = {}
  readonly options: FakeDatabaseOptions
  readonly pool: FifoPool
  isReachable = true
  fingerprint: string
  closed = 0

  constructor(name: string, options: FakeDatabaseOptions = {}) {
    this.options = options
    this.fingerprint = options.fingerprint ?? `fake:${name}`
    this.pool = new FifoPool(options.poolSize ?? 1_000)
  }

  /** How often a method was called, for any branch or for one. */
  count(method: string, id = ''): number {
    return this.calls.filter((call) => call.startsWith(`${method} `) && call.includes(id)).length
  }

  participant(): Participant<FakeClient> {
    const { canPrepare = true, canCommitOnePhase = true, canList = true, table } = this.options
    return {
      kind: 'fake',
      canPrepare,
      canCommitOnePhase,
      attach: ({ resource }) => void this.calls.push(`attach ${resource}`),
      check: () => this.#check(),
      begin: (options) => this.#begin(options),
      recover: (options) => this.#recover(options),
      ...(canList ? { listPrepared: () => this.#listPrepared() } : {}),
      ...(table === undefined ? {} : { decisionTable: () => table }),
      close: async () => {
        this.closed += 1
      },
    }
  }

  async #check(): Promise<ResourceCheck> {
    this.calls.push('check -')
    if (this.on.check !== undefined) return this.on.check()
    if (!this.isReachable) return { status: 'unavailable', cause: new Error('no route') }
    const { preparedLimit } = this.options
    return { status: 'ready', fingerprint: this.fingerprint, preparedLimit }
  }

  async #begin(options: BeginOptions): Promise<Branch<FakeClient>> {
    this.calls.push(`begin ${options.id}`)
    const lease = this.pool.take() // before anything is awaited, as the contract's order asks
    try {
      await this.on.begin?.(options)
    } catch (refusal) {
      void lease.then((taken) => taken.giveBack())
      throw refusal
    }
    return new FakeBranch(this, options, await lease)
  }

  #recover({ id, evidence }: RecoveredBranchOptions): Pick<Branch, 'commit' | 'rollback'> {
    this.calls.push(`recover ${id} ${evidence}`)
    return { commit: () => this.commit(id), rollback: () => this.rollback(id) }
  }

  async commit(id: BranchId): Promise<Acknowledgement> {
    this.calls.push(`commit ${id}`)
    if (this.on.commit !== undefined) return this.on.commit(id)
    return this.finish(id, 'committed')
  }

  async rollback(id: BranchId): Promise<Acknowledgement> {
    this.calls.push(`rollback ${id}`)
    if (this.on.rollback !== undefined) return this.on.rollback(id)
    return this.finish(id, 'aborted')
  }

  /** What the database does when it is told a decision. */
  finish(id: string, decision: 'committed' | 'aborted'): Acknowledgement {
    const rows = this.prepared.get(id)
    this.prepared.delete(id)
    if (decision === 'committed') this.rows.push(...(rows ?? []))
    return { result: 'done' }
  }

  async #listPrepared(): Promise<readonly PreparedBranch[]> {
    this.calls.push('list -')
    if (this.on.listPrepared !== undefined) return this.on.listPrepared()
    return [...this.prepared.keys()].map((id) => ({ id, preparedAtMs: 1 }))
  }
}

class FakeBranch implements Branch<FakeClient> {
  readonly client: FakeClient
  doomed: { readonly cause: unknown } | undefined
  readonly savepoint?: () => Promise<Savepoint>
  readonly commitWithDecision?: (row: DecisionRow) => Promise<OnePhaseResult>
  readonly #database: FakeDatabase
  readonly #id: BranchId
  readonly #lease: Lease
  readonly #pending = new Set<string>()
  #rows: string[] = []
  #sealed = false

  constructor(database: FakeDatabase, options: BeginOptions, lease: Lease) {
    this.#database = database
    this.#id = options.id
    this.#lease = lease
    this.client = {
      id: options.id,
      options,
      write: (row) => {
        if (this.#sealed) throw new Error(`${row} comes after the end`)
        this.#rows.push(row)
      },
      beginWork: (what) => {
        this.#pending.add(what)
        return () => void this.#pending.delete(what)
      },
      fail: (cause) => {
        this.doomed ??= { cause }
      },
    }
    if (database.options.hasSavepoints ?? true) this.savepoint = () => this.#savepoint()
    const { table } = database.options
    if (table === undefined) return
    this.commitWithDecision = (row) => this.#commitWithDecision(() => table.insertCarried(row))
  }

  seal(): readonly string[] {
    this.#database.calls.push(`seal ${this.#id}`)
    this.#sealed = true
    return [...this.#pending]
  }

  async prepare(): Promise<Vote> {
    this.#database.calls.push(`prepare ${this.#id}`)
    const { on, prepared } = this.#database
    const vote: Vote =
      on.prepare === undefined
        ? { vote: 'yes', evidence: `xid of ${this.#id}` }
        : await on.prepare(this.#id)
    if (vote.vote === 'yes') prepared.set(this.#id, this.#rows)
    if (vote.vote === 'no') this.#lease.giveBack()
    return vote
  }

  async commitOnePhase(): Promise<OnePhaseResult> {
    this.#database.calls.push(`commit-one-phase ${this.#id}`)
    const { on, rows } = this.#database
    const answer: OnePhaseResult =
      on.commitOnePhase === undefined ? { result: 'committed' } : await on.commitOnePhase(this.#id)
    if (answer.result === 'committed') rows.push(...this.#rows)
    if (answer.result !== 'unknown') this.#lease.giveBack()
    return answer
  }

  async #commitWithDecision(insert: () => boolean): Promise<OnePhaseResult> {
    this.#database.calls.push(`commit-with-decision ${this.#id}`)
    const { on, rows } = this.#database
    const commit = (): OnePhaseResult => {
      if (!insert()) return { result: 'aborted', cause: new Error('the key is taken') }
      rows.push(...this.#rows)
      return { result: 'committed' }
    }
    const answer = await (on.commitWithDecision?.(this.#id, commit) ?? commit())
    if (answer.result !== 'unknown') this.#lease.giveBack()
    return answer
  }

  async commit(): Promise<Acknowledgement> {
    return this.#finished(await this.#database.commit(this.#id))
  }

  async rollback(): Promise<Acknowledgement> {
    return this.#finished(await this.#database.rollback(this.#id))
  }

  #finished(answer: Acknowledgement): Acknowledgement {
    if (answer.result !== 'unknown') this.#lease.giveBack()
    return answer
  }

  async #savepoint(): Promise<Savepoint> {
    const { on, calls } = this.#database
    calls.push(`savepoint ${this.#id}`)
    await on.savepoint?.()
    const before = [...this.#rows]
    return {
      release: async () => {
        calls.push(`release ${this.#id}`)
        await on.releaseSavepoint?.()
      },
      rollback: async () => {
        calls.push(`rollback-to ${this.#id}`)
        await on.rollbackSavepoint?.()
        this.#rows = before
      },
    }
  }
}
