/** A simulated database as a participant: what `postgres(pool)` is to PostgreSQL. */
import type { DecisionTable } from '../../core/decision-table.ts'
import { invariant } from '../../core/invariant.ts'
import type {
  BatchBranch,
  BatchStatement,
  BeginOptions,
  Branch,
  FinishableBranch,
  Participant,
  ParticipantPorts,
  PreparedBranch,
  RecoveredBranchOptions,
  ResourceCheck,
} from '../../participants/contract.ts'
import type { Network } from '../network/network.ts'
import type { Actor } from '../scheduler.ts'
import type { Broken } from '../violations.ts'
import { DatabaseBatchBranch } from './batch-branch.ts'
import { type AccountClient, type BranchOptions, DatabaseBranch } from './branch.ts'
import { Connection } from './connection.ts'
import type { Database } from './database.ts'
import { SimulatedDecisionTable } from './decisions/table.ts'
import { type Finish, finishOver } from './finish.ts'
import { Pool } from './pool.ts'
import { runInOrder } from './statements.ts'

export interface DatabaseParticipantOptions {
  readonly network: Network
  readonly client: Actor
  readonly database: Database
  readonly poolSize: number
  readonly canCommitOnePhase: boolean
  /** A branch begins at the database with its first statement, in the same message. */
  readonly beginsLazily: boolean
  /** Statements that are all known run when their branch begins, one after another; else with its vote. */
  readonly runsBatchesAtOnce: boolean
  readonly broken: Broken
  /** Something worth counting took place. */
  readonly count: (what: string) => void
}

/** How long a presumption waits for whoever is about to insert the decision. */
const presumptionWaitMs = 400

export class DatabaseParticipant implements Participant<AccountClient, number> {
  readonly kind = 'simulated'
  readonly canPrepare = true
  readonly canCommitOnePhase: boolean
  readonly #options: DatabaseParticipantOptions
  readonly #pool: Pool
  readonly #finish: Finish
  #ports: ParticipantPorts | undefined

  constructor(options: DatabaseParticipantOptions) {
    this.#options = options
    this.canCommitOnePhase = options.canCommitOnePhase
    this.#pool = new Pool(() => this.#connect(), options.poolSize)
    this.#finish = finishOver(() => this.#connect())
  }

  attach(ports: ParticipantPorts): void {
    this.#ports = ports
  }

  async check(): Promise<ResourceCheck> {
    const connection = this.#connect()
    try {
      const reply = await connection.request({ type: 'identify' })
      if (reply.type !== 'identity') return { status: 'unavailable', cause: reply }
      const { fingerprint, preparedLimit } = reply
      return { status: 'ready', fingerprint, preparedLimit }
    } catch (cause) {
      return { status: 'unavailable', cause }
    } finally {
      connection.close()
    }
  }

  async begin(options: BeginOptions): Promise<Branch<AccountClient>> {
    return new DatabaseBranch(await this.#start(options, this.#options.beginsLazily))
  }

  async beginBatch(
    options: BeginOptions,
    statements: readonly BatchStatement[],
  ): Promise<BatchBranch<number>> {
    const { beginsLazily, runsBatchesAtOnce } = this.#options
    const start = await this.#start(options, beginsLazily || !runsBatchesAtOnce)
    const { readOnly, timeLeftMs: lockTimeoutMs } = options
    const branch = new DatabaseBatchBranch({ ...start, statements, readOnly, lockTimeoutMs })
    if (runsBatchesAtOnce) await branch.runNow()
    return branch
  }

  runBatch(
    client: AccountClient,
    statements: readonly BatchStatement[],
  ): Promise<readonly number[]> {
    return runInOrder(client, statements)
  }

  /** Takes a connection, and begins on it unless that can wait. */
  async #start({ id, timeLeftMs }: BeginOptions, beginsLazily: boolean): Promise<BranchOptions> {
    invariant(
      this.#ports !== undefined,
      'simulation',
      'a participant is used before it is attached',
    )
    const connection = await this.#pool.take(this.#ports.timers, timeLeftMs)
    const release = (): void => this.#pool.giveBack(connection)
    const { broken, database } = this.#options
    let begun: Promise<unknown> | undefined
    const begin = (): Promise<unknown> => {
      begun ??= connection.request({ type: 'begin', id, lockTimeoutMs: timeLeftMs })
      return begun
    }
    try {
      if (!beginsLazily) await begin()
    } catch (cause) {
      release()
      throw cause
    }
    return {
      id,
      connection,
      finish: this.#finish,
      // Whoever begins has more to ask at once, and hears from that when it fails.
      begin: () => void begin().catch(() => undefined),
      keepsDecisions: database.decisions !== undefined,
      release,
      broken,
    }
  }

  decisionTable(): DecisionTable {
    const { database, count } = this.#options
    return new SimulatedDecisionTable({
      location: `the tables at ${database.name}`,
      connect: () => this.#connect(),
      lockTimeoutMs: presumptionWaitMs,
      count,
    })
  }

  recover({ id, evidence }: RecoveredBranchOptions): FinishableBranch {
    return {
      commit: () => this.#finish(id, 'commit', evidence),
      rollback: () => this.#finish(id, 'rollback', evidence),
    }
  }

  async listPrepared(): Promise<readonly PreparedBranch[]> {
    const connection = this.#connect()
    try {
      const reply = await connection.request({ type: 'list' })
      return reply.type === 'list' ? reply.prepared : []
    } finally {
      connection.close()
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #connect(): Connection {
    return new Connection(this.#options.network, this.#options.client, this.#options.database)
  }
}
