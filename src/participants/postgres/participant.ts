/** PostgreSQL as a participant, over a node-postgres pool. */
import type { DecisionTable } from '../../core/decision-table.ts'
import { AssentError } from '../../core/errors.ts'
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
import { Identity } from '../sql/identity.ts'
import { Branches } from './branches.ts'
import { examine } from './check.ts'
import { roleOfPool } from './decisions/pool-role.ts'
import { DecisionStatements } from './decisions/statements.ts'
import { PostgresDecisionTable } from './decisions/table.ts'
import { deliver } from './delivery.ts'
import { diagnose } from './doctor.ts'
import {
  type PgClientShape,
  type PgConnection,
  type PgPool,
  type PgPoolInternals,
  type PgResult,
  resultsOf,
} from './driver.ts'
import { type PostgresOptions, readOptions, type Settings } from './options.ts'
import { type Opener, type OwnConnection, openerFor } from './own-connection.ts'
import { hearErrorsOf } from './pool-errors.ts'
import { openerOf, type Reserve, reserveOf } from './reserve.ts'
import { listPrepared } from './sql.ts'

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

interface Attached {
  readonly ports: ParticipantPorts
  readonly open: () => Promise<OwnConnection>
  readonly reserve: Reserve
  readonly branches: Branches
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
    const branches = new Branches({
      pool: this.#pool,
      settings: this.#settings,
      identity: this.#identity,
      decisions: this.#decisions,
      canPrepare: this.canPrepare,
      reserve,
      ports,
    })
    this.#attached = { ports, open, reserve, branches }
    this.#deafen = hearErrorsOf(this.#pools(), ports.timers)
  }

  async check(): Promise<ResourceCheck> {
    const { ports, reserve, branches } = this.#parts
    const { check, isolation } = await examine({
      pool: this.#pool,
      reserve,
      identity: this.#identity,
      settings: this.#settings,
      ports,
    })
    branches.databaseIsolation = isolation ?? branches.databaseIsolation
    return check
  }

  begin(options: BeginOptions): Promise<Branch<Client>> {
    // Its client is the pool's own, behind a proxy.
    return this.#parts.branches.begin(options) as Promise<unknown> as Promise<Branch<Client>>
  }

  beginBatch(
    options: BeginOptions,
    statements: readonly BatchStatement[],
  ): Promise<BatchBranch<PgResult>> {
    return this.#parts.branches.beginBatch(options, statements)
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
