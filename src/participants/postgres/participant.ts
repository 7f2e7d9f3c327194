/**
 * PostgreSQL as a participant, over a node-postgres pool.
 *
 * Keeps A5: no branch is begun but with its modes, its limits and its durability set, and that shown
 * by the server's answer.
 */
import type { DecisionTable } from '../../core/decision-table.ts'
import { AssentError } from '../../core/errors.ts'
import type { BranchId } from '../../core/ids.ts'
import { invariant } from '../../core/invariant.ts'
import type {
  BatchBranch,
  BatchStatement,
  BeginOptions,
  Branch,
  DecisionTableOptions,
  Diagnosis,
  DiagnosisRequest,
  FinishableBranch,
  Participant,
  ParticipantPorts,
  PreparedBranch,
  RecoveredBranchOptions,
  ResourceCheck,
} from '../contract.ts'
import { SqlBatchBranch } from '../sql/batch-branch.ts'
import { type BranchParts, SqlBranch } from '../sql/branch.ts'
import { Gate } from '../sql/gate.ts'
import type { Guarded } from '../sql/guarded-client.ts'
import { Identity } from '../sql/identity.ts'
import { type Rules, rulesFor } from '../sql/plans.ts'
import { type ActsParts, PostgresActs } from './acts.ts'
import { BatchActs, checkBatch } from './batch.ts'
import { Beginnings } from './beginning.ts'
import { examine } from './check.ts'
import { roleOfPool } from './decisions/pool-role.ts'
import { DecisionStatements } from './decisions/statements.ts'
import { PostgresDecisionTable } from './decisions/table.ts'
import { deliver } from './delivery.ts'
import { Dispatcher } from './dispatcher.ts'
import { diagnose } from './doctor.ts'
import {
  type PgClientShape,
  type PgConnection,
  type PgPool,
  type PgPoolInternals,
  type PgResult,
  resultsOf,
} from './driver.ts'
import { guard } from './guard.ts'
import { Opening } from './opening.ts'
import {
  type IsolationLevel,
  type PostgresOptions,
  readIsolation,
  readOptions,
  type Settings,
} from './options.ts'
import { type Opener, type OwnConnection, openerFor } from './own-connection.ts'
import { forgetNames } from './pipeline.ts'
import { hearErrorsOf } from './pool-errors.ts'
import { openerOf, type Reserve, reserveOf } from './reserve.ts'
import { type Session, takeSession } from './session.ts'
import { listPrepared } from './sql.ts'
import { PostgresWork } from './work.ts'

/**
 * A PostgreSQL database that takes part in transactions, by the pool that the program has anyway.
 * The work gets the pool's own client, typed as the pool types it.
 *
 * Throws `ASSENT_INVALID_OPTION`.
 *
 * @example
 * const pool = new pg.Pool({ connectionString: process.env.ORDERS_URL })
 * const coordinator = await openCoordinator({
 *   name: 'shop',
 *   log: './transactions',
 *   resources: { orders: postgres(pool) },
 * })
 */
export function postgres<Client extends PgClientShape>(
  pool: PgPool<Client>,
  options: PostgresOptions = {},
): Participant<Client, PgResult> {
  const settings = readOptions(options)
  return new PostgresParticipant<Client>(pool, settings, openerFor(pool, settings))
}

interface Known {
  readonly rules: Rules
  /** When the transaction's time is over, by the monotonic clock. */
  readonly deadlineMs: number
}

/** What a branch is made of, before its acts. */
interface Start extends Known {
  readonly id: BranchId
  readonly session: Session
  readonly work: PostgresWork
  readonly gate: Gate
  readonly opening: Opening
}

interface Attached {
  readonly ports: ParticipantPorts
  readonly open: () => Promise<OwnConnection>
  readonly reserve: Reserve
  readonly beginnings: Beginnings
}

class PostgresParticipant<Client extends PgClientShape> implements Participant<Client, PgResult> {
  readonly kind = 'postgres'
  readonly canPrepare: boolean
  readonly canCommitOnePhase = true
  readonly #pool: PgPool<Client>
  readonly #settings: Settings
  readonly #opener: Opener
  readonly #identity = new Identity()
  readonly #decisions: DecisionStatements
  #table: PostgresDecisionTable | undefined
  #attached: Attached | undefined
  /** Ends the listening to the pools. */
  #deafen: () => void = () => undefined
  /** What the database gives a transaction that asks for no isolation; known after `check`. */
  #databaseIsolation: IsolationLevel | undefined

  constructor(pool: PgPool<Client>, settings: Settings, opener: Opener) {
    this.#pool = pool
    this.#settings = settings
    this.#opener = opener
    this.canPrepare = !settings.lastResource
    this.#decisions = new DecisionStatements(settings.decisionSchema)
  }

  attach(ports: ParticipantPorts): void {
    if (this.#attached !== undefined) {
      throw new AssentError(
        'ASSENT_INVALID_OPTION',
        'a participant belongs to one coordinator and one name: call postgres(pool) for each',
        { option: 'resources' },
      )
    }
    const open = openerOf(this.#opener, this.#identity, this.#settings, ports)
    const reserve = reserveOf(open, this.#settings, ports)
    this.#attached = { ports, open, reserve, beginnings: new Beginnings(ports.timers) }
    this.#deafen = hearErrorsOf(this.#pools(), ports.timers)
  }

  async check(): Promise<ResourceCheck> {
    const { ports, reserve } = this.#parts
    const { check, isolation } = await examine({
      pool: this.#pool,
      reserve,
      identity: this.#identity,
      settings: this.#settings,
      ports,
    })
    this.#databaseIsolation = isolation ?? this.#databaseIsolation
    return check
  }

  async begin(options: BeginOptions): Promise<Branch<Client>> {
    const known = this.#known(options)
    const start = this.#start(options, known, await this.#take(options), new PostgresWork())
    const { session, work, gate, opening, rules } = start
    if (!opening.canRide) await this.#orDestroy(session, opening.begin())
    const dispatcher = new Dispatcher({ session, work, gate, opening, rules })
    const guarded = guard(session.client, dispatcher, gate)
    const acts = new PostgresActs(this.#actsParts(start, guarded))
    return new SqlBranch(this.#branchParts(start, acts)) as unknown as Branch<Client>
  }

  async beginBatch(
    options: BeginOptions,
    statements: readonly BatchStatement[],
  ): Promise<BatchBranch<PgResult>> {
    const work = new PostgresWork()
    const known = this.#known(options)
    checkBatch(statements, known.rules, work)
    const start = this.#start(options, known, await this.#take(options), work)
    const { session, gate, opening } = start
    if (!opening.canRide) await this.#orDestroy(session, opening.learn())
    const guarded = { client: session.client, undress: () => undefined }
    const { readOnly } = options
    const acts = new BatchActs({ ...this.#actsParts(start, guarded), statements, readOnly })
    // It has no client: its work was given.
    gate.seal()
    return new SqlBatchBranch(this.#branchParts(start, acts), acts)
  }

  async runBatch(
    client: Client,
    statements: readonly BatchStatement[],
  ): Promise<readonly PgResult[]> {
    const connection = client as unknown as PgConnection
    const results: PgResult[] = []
    for (const { text, values } of statements) {
      results.push(...resultsOf(await connection.query(text, values)))
    }
    return results
  }

  recover({ id, evidence }: RecoveredBranchOptions): FinishableBranch {
    const { reserve } = this.#parts
    const identity = this.#identity
    return {
      commit: () => deliver(reserve, { id, decision: 'committed', evidence, identity }),
      rollback: () => deliver(reserve, { id, decision: 'aborted', evidence, identity }),
    }
  }

  async listPrepared(): Promise<readonly PreparedBranch[]> {
    const results = await this.#parts.reserve.run((connection) => connection.send(listPrepared))
    return results.flatMap((result) =>
      result.rows.map((row) => ({
        id: String(row.gid),
        preparedAtMs: Number(row.prepared) * 1000,
      })),
    )
  }

  decisionTable({ create }: DecisionTableOptions): DecisionTable {
    const { ports, open, reserve } = this.#parts
    const { recovery, answerTimeoutMs } = this.#settings
    invariant(this.#table === undefined, 'A2', 'the decision table is asked for twice')
    this.#table = new PostgresDecisionTable({
      resource: ports.resource,
      reserve,
      open,
      statements: this.#decisions,
      timers: ports.timers,
      create,
      poolRole:
        recovery === undefined ? undefined : () => roleOfPool(this.#pool, ports, answerTimeoutMs),
    })
    return this.#table
  }

  async diagnose(request: DiagnosisRequest): Promise<Diagnosis> {
    const { ports, reserve } = this.#parts
    const { clock } = ports
    return await diagnose({ pool: this.#pool, reserve, settings: this.#settings, clock }, request)
  }

  async close(): Promise<void> {
    this.#table?.close()
    this.#attached?.reserve.close()
    this.#deafen()
  }

  /** What is known of a branch without a connection; throws for options that can't be had. */
  #known(options: BeginOptions): Known {
    const deadlineMs = this.#parts.ports.clock.monotonicMs() + options.timeLeftMs
    return { rules: this.#rulesFor(options), deadlineMs }
  }

  #take({ timeLeftMs }: BeginOptions): Promise<Session> {
    return takeSession(this.#pool, this.#parts.ports, Math.max(1, timeLeftMs))
  }

  /** What a branch on a connection is made of. */
  #start(options: BeginOptions, known: Known, session: Session, work: PostgresWork): Start {
    const { ports, beginnings } = this.#parts
    const { clock } = ports
    const { rules, deadlineMs } = known
    if (!this.#settings.keepStatements) forgetNames(session.client)
    const gate = new Gate(options.transaction, work, session)
    const onFailure = (cause: unknown): void => {
      work.doom(cause)
      session.destroy(cause)
    }
    const modes = { isolation: rules.isolation, readOnly: rules.readOnly }
    const opening = new Opening({ session, beginnings, clock, modes, deadlineMs, onFailure })
    return { id: options.id, session, work, gate, opening, rules, deadlineMs }
  }

  /** Closes the session where its branch can't begin: nothing is left open. */
  async #orDestroy(session: Session, beginning: Promise<void>): Promise<void> {
    try {
      await beginning
    } catch (error) {
      session.destroy(error)
      throw error
    }
  }

  #rulesFor(options: BeginOptions): Rules {
    return rulesFor(options, this.#isolationFor(options.isolation), this.canPrepare)
  }

  #actsParts({ id, session, work, opening, rules }: Start, guarded: Guarded): ActsParts {
    const { ports, reserve } = this.#parts
    return {
      session,
      work,
      guarded,
      reserve,
      identity: this.#identity,
      timers: ports.timers,
      answerTimeoutMs: this.#settings.answerTimeoutMs,
      id,
      isSerializable: rules.isolation === 'serializable',
      opening,
      decisions: this.#decisions,
    }
  }

  #branchParts({ gate, work, deadlineMs }: Start, acts: PostgresActs): BranchParts {
    const { clock, timers } = this.#parts.ports
    const { answerTimeoutMs } = this.#settings
    return { acts, gate, work, clock, timers, deadlineMs, answerTimeoutMs }
  }

  #isolationFor(asked: string | undefined): IsolationLevel {
    if (asked !== undefined) return readIsolation(asked)
    return this.#settings.defaultIsolation ?? this.#databaseIsolation ?? 'read committed'
  }

  get #parts(): Attached {
    invariant(this.#attached !== undefined, 'A5', 'a participant is used before it is attached')
    return this.#attached
  }

  #pools(): PgPoolInternals[] {
    const { recovery } = this.#settings
    const own = typeof recovery === 'object' ? [recovery as PgPoolInternals] : []
    return [this.#pool as unknown as PgPoolInternals, ...own]
  }
}
