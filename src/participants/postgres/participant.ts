/**
 * PostgreSQL as a participant, over a node-postgres pool.
 *
 * Keeps A5: no branch is begun but with its modes, its limits and its durability set, and that shown
 * by the server's answer.
 */
import { AssentError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type {
  BeginOptions,
  Branch,
  FinishableBranch,
  Participant,
  ParticipantPorts,
  PreparedBranch,
  RecoveredBranchOptions,
  ResourceCheck,
} from '../contract.ts'
import { type BeginningOptions, Beginnings, type Begun } from './beginning.ts'
import { PostgresBranch } from './branch.ts'
import { examine } from './check.ts'
import { deliver } from './delivery.ts'
import { Dispatcher } from './dispatcher.ts'
import type { PgClientShape, PgPool, PgPoolInternals } from './driver.ts'
import { guard } from './guard.ts'
import { Identity } from './identity.ts'
import {
  type IsolationLevel,
  type PostgresOptions,
  readIsolation,
  readOptions,
  type Settings,
} from './options.ts'
import { type Opener, openerFor } from './own-connection.ts'
import { Reserve } from './reserve.ts'
import { type Session, takeSession } from './session.ts'
import { listPrepared } from './sql.ts'
import { Work } from './work.ts'

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
): Participant<Client> {
  const settings = readOptions(options)
  return new PostgresParticipant<Client>(pool, settings, openerFor(pool, settings))
}

interface Attached {
  readonly ports: ParticipantPorts
  readonly reserve: Reserve
  readonly beginnings: Beginnings
}

class PostgresParticipant<Client extends PgClientShape> implements Participant<Client> {
  readonly kind = 'postgres'
  readonly canPrepare: boolean
  readonly canCommitOnePhase = true
  readonly #pool: PgPool<Client>
  readonly #settings: Settings
  readonly #opener: Opener
  readonly #identity = new Identity()
  #attached: Attached | undefined
  /** What the database gives a transaction that asks for no isolation; known after `check`. */
  #databaseIsolation: IsolationLevel | undefined

  constructor(pool: PgPool<Client>, settings: Settings, opener: Opener) {
    this.#pool = pool
    this.#settings = settings
    this.#opener = opener
    this.canPrepare = !settings.lastResource
  }

  attach(ports: ParticipantPorts): void {
    if (this.#attached !== undefined) {
      throw new AssentError(
        'ASSENT_INVALID_OPTION',
        'a participant belongs to one coordinator and one name: call postgres(pool) for each',
        { option: 'resources' },
      )
    }
    const reserve = new Reserve({
      opener: this.#opener,
      identity: this.#identity,
      timers: ports.timers,
      size: this.#settings.recoveryConnections,
      limitMs: this.#settings.answerTimeoutMs,
    })
    this.#attached = { ports, reserve, beginnings: new Beginnings(ports.timers) }
    // An idle connection that dies makes the pool emit `error`, which unheard ends the process.
    for (const pool of this.#pools()) pool.on?.('error', ignore)
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
    const { ports, reserve } = this.#parts
    const { clock, timers } = ports
    const isolation = this.#isolationFor(options.isolation)
    const deadlineMs = clock.monotonicMs() + options.timeLeftMs
    const { session, begun } = await this.#open({ ...options, isolation }, deadlineMs)
    const work = new Work()
    const dispatcher = new Dispatcher(session, work, {
      transaction: options.transaction,
      isolation,
      readOnly: options.readOnly,
      mustPrepare: this.canPrepare && options.onlyBranch !== true,
    })
    const branch = new PostgresBranch({
      session,
      work,
      dispatcher,
      guarded: guard(session.client, dispatcher),
      reserve,
      identity: this.#identity,
      clock,
      timers,
      deadlineMs,
      answerTimeoutMs: this.#settings.answerTimeoutMs,
      id: options.id,
      isSerializable: isolation === 'serializable',
      ...begun,
    })
    return branch as unknown as Branch<Client>
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

  async close(): Promise<void> {
    this.#attached?.reserve.close()
    for (const pool of this.#pools()) pool.removeListener?.('error', ignore)
  }

  /** Takes a connection and begins on it; rejects with nothing left open. */
  async #open(
    { isolation, readOnly }: Pick<BeginningOptions, 'isolation' | 'readOnly'>,
    deadlineMs: number,
  ): Promise<{ readonly session: Session; readonly begun: Begun }> {
    const { ports, beginnings } = this.#parts
    const leftMs = (): number => Math.max(1, deadlineMs - ports.clock.monotonicMs())
    const session = await takeSession(this.#pool, ports, leftMs())
    try {
      const timeLeftMs = leftMs()
      return {
        session,
        begun: await beginnings.begin(session, { isolation, readOnly, timeLeftMs }),
      }
    } catch (error) {
      session.destroy(error)
      throw error
    }
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

function ignore(): void {
  // The pool has removed the connection already; what ran on it hears of it by its own error.
}
