/**
 * MariaDB and MySQL as participants, over a mysql2 pool of either face.
 *
 * Keeps A5: no branch is begun but with its modes and limits set, and that shown by the server's
 * status. A branch is an XA transaction, also when it is the only one: in it the server itself refuses
 * what would commit behind our back.
 */
import { AssentError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type {
  Acknowledgement,
  BatchBranch,
  BatchStatement,
  BeginOptions,
  Branch,
  Diagnosis,
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
import { Identity } from '../sql/identity.ts'
import type { IsolationLevel } from '../sql/isolation.ts'
import { type Rules, rulesFor } from '../sql/plans.ts'
import { type ActsParts, MysqlActs } from './acts.ts'
import { BatchActs, checkBatch, type MysqlResult, runInOrder } from './batch.ts'
import { type BeginningOptions, Beginnings } from './beginning.ts'
import { type Examined, examine } from './check.ts'
import { deliver } from './delivery.ts'
import { Dispatcher } from './dispatcher.ts'
import { diagnose } from './doctor.ts'
import {
  connectionBehind,
  type MysqlCallbackPool,
  type MysqlClientShape,
  type MysqlPool,
  type MysqlPromisePool,
} from './driver.ts'
import type { Finishing } from './fate.ts'
import { guard } from './guard.ts'
import { Horizon } from './horizon.ts'
import { Opening } from './opening.ts'
import { type MysqlOptions, readIsolation, readOptions, type Settings } from './options.ts'
import { type Opener, openerFor } from './own-connection.ts'
import { type Reserve, reserveOf } from './reserve.ts'
import { type Session, takeSession } from './session.ts'
import { recoverXids } from './sql.ts'
import { MysqlWork } from './work.ts'
import { branchIdOf, readXid, shownXid, xidOf } from './xid.ts'

/**
 * A MariaDB or MySQL database that takes part in transactions, by the mysql2 pool that the program has
 * anyway. The work gets the pool's own client, typed as the pool types it.
 *
 * Throws `ASSENT_INVALID_OPTION`.
 *
 * @example
 * const pool = mysql2.createPool({ uri: process.env.STOCK_URL })
 * const coordinator = await openCoordinator({
 *   name: 'shop',
 *   log: './transactions',
 *   resources: { stock: mysql(pool) },
 * })
 */
export function mysql<Client extends MysqlClientShape>(
  pool: MysqlPromisePool<Client>,
  options?: MysqlOptions,
): Participant<Client, MysqlResult>
export function mysql<Client extends MysqlClientShape>(
  pool: MysqlCallbackPool<Client>,
  options?: MysqlOptions,
): Participant<Client, MysqlResult>
export function mysql(
  pool: MysqlPool<unknown>,
  options: MysqlOptions = {},
): Participant<object, MysqlResult> {
  const settings = readOptions(options)
  return new MysqlParticipant(pool, settings, openerFor(pool, settings))
}

interface Start {
  readonly acts: ActsParts
  readonly parts: Omit<BranchParts, 'acts'>
  readonly dispatcher: Dispatcher
}

interface Attached {
  readonly ports: ParticipantPorts
  readonly reserve: Reserve
  readonly beginnings: Beginnings
  readonly horizon: Horizon
}

class MysqlParticipant implements Participant<object, MysqlResult> {
  readonly kind = 'mysql'
  readonly canPrepare: boolean
  readonly canCommitOnePhase = true
  readonly #pool: MysqlPool<unknown>
  readonly #settings: Settings
  readonly #opener: Opener
  readonly #identity = new Identity()
  #attached: Attached | undefined
  /** What the last check that found it ready learnt of the database. */
  #found: Examined['found']

  constructor(pool: MysqlPool<unknown>, settings: Settings, opener: Opener) {
    this.#pool = pool
    this.#settings = settings
    this.#opener = opener
    this.canPrepare = !settings.lastResource
  }

  attach(ports: ParticipantPorts): void {
    if (this.#attached !== undefined) {
      throw new AssentError(
        'ASSENT_INVALID_OPTION',
        'a participant belongs to one coordinator and one name: call mysql(pool) for each',
        { option: 'resources' },
      )
    }
    const reserve = reserveOf(this.#opener, this.#identity, this.#settings, ports.timers)
    const horizon = new Horizon(reserve, ports.clock)
    this.#attached = { ports, reserve, horizon, beginnings: new Beginnings(ports.timers) }
  }

  async check(): Promise<ResourceCheck> {
    const { ports, reserve, horizon } = this.#parts
    const { check, found } = await examine({
      pool: this.#pool,
      reserve,
      horizon,
      identity: this.#identity,
      settings: this.#settings,
      ports,
    })
    this.#found = found ?? this.#found
    return check
  }

  async begin(options: BeginOptions): Promise<Branch<object>> {
    const { acts, parts } = await this.#start(options)
    return new SqlBranch({ ...parts, acts: new MysqlActs(acts) })
  }

  async beginBatch(
    options: BeginOptions,
    statements: readonly BatchStatement[],
  ): Promise<BatchBranch<MysqlResult>> {
    checkBatch(statements, this.#rulesFor(options))
    const { acts, parts, dispatcher } = await this.#start(options)
    const batch = new BatchActs({ ...acts, dispatcher, statements, readOnly: options.readOnly })
    await batch.begin()
    return new SqlBatchBranch<MysqlResult>({ ...parts, acts: batch }, batch)
  }

  async runBatch(
    client: object,
    statements: readonly BatchStatement[],
  ): Promise<readonly MysqlResult[]> {
    const connection = connectionBehind(client)
    return await runInOrder(statements, (text, values, tell) => {
      connection.query(text, values, tell)
    })
  }

  recover({ id, evidence }: RecoveredBranchOptions): FinishableBranch {
    const { reserve, ports } = this.#parts
    const finish = async (decision: Finishing['decision']): Promise<Acknowledgement> => {
      const database = this.#found?.database
      if (database === undefined) return { result: 'unknown', cause: this.#notExamined() }
      const [identity, settings] = [this.#identity, this.#settings]
      const finishing = { id, decision, evidence, identity, database, settings }
      return await deliver(reserve, finishing, ports.timers)
    }
    return { commit: () => finish('committed'), rollback: () => finish('aborted') }
  }

  /** The whole server's; those of other databases and programs by their xids, as text. */
  async listPrepared(): Promise<readonly PreparedBranch[]> {
    const { flavour, name } = this.#examined.database
    const { rows } = await this.#parts.reserve.run((connection) =>
      connection.send(recoverXids(flavour)),
    )
    return rows.map((row) => {
      const xid = readXid(row)
      return { id: branchIdOf(xid, name) ?? shownXid(xid), preparedAtMs: undefined }
    })
  }

  async diagnose(): Promise<Diagnosis> {
    const { ports, reserve } = this.#parts
    return await diagnose({ reserve, settings: this.#settings, clock: ports.clock })
  }

  async close(): Promise<void> {
    this.#attached?.reserve.close()
  }

  /** Takes a connection and begins on it; what a branch there is made of, but for its acts. */
  async #start(options: BeginOptions): Promise<Start> {
    const { ports, reserve, horizon, beginnings } = this.#parts
    const { clock, timers } = ports
    const { database } = this.#examined
    const rules = this.#rulesFor(options)
    const { isolation, readOnly } = rules
    const { id, timeLeftMs } = options
    const xid = this.canPrepare ? xidOf(id, database.name) : undefined
    const deadlineMs = clock.monotonicMs() + timeLeftMs
    const { flavour } = database
    const { session, opening } = await this.#open({ flavour, xid, isolation, readOnly }, deadlineMs)
    horizon.refresh()
    const work = new MysqlWork()
    const gate = new Gate(options.transaction, work, session)
    const dispatcher = new Dispatcher({ session, work, gate, opening, rules })
    const { answerTimeoutMs } = this.#settings
    const acts = {
      ...{ session, opening, beginnings, work },
      guarded: guard(session.client, session.connection, dispatcher, gate),
      ...{ reserve, horizon, identity: this.#identity, database, settings: this.#settings },
      ...{ timers, id, xid },
    }
    return { acts, parts: { gate, work, clock, timers, deadlineMs, answerTimeoutMs }, dispatcher }
  }

  #rulesFor(options: BeginOptions): Rules {
    return rulesFor(options, this.#isolationFor(options.isolation), this.canPrepare)
  }

  /** Takes a connection, and begins where that can't wait; rejects with nothing left open. */
  async #open(
    options: Omit<BeginningOptions, 'timeLeftMs'>,
    deadlineMs: number,
  ): Promise<{ readonly session: Session; readonly opening: Opening }> {
    const { ports, beginnings } = this.#parts
    const { clock, timers } = ports
    const leftMs = Math.max(1, deadlineMs - clock.monotonicMs())
    const { flavour, xid } = options
    const session = await takeSession(this.#pool, ports, leftMs, {
      flavour,
      isXa: xid !== undefined,
    })
    try {
      const opening = new Opening({ session, beginnings, timers, clock, options, deadlineMs })
      await opening.open()
      return { session, opening }
    } catch (error) {
      session.destroy(error)
      throw error
    }
  }

  #isolationFor(asked: string | undefined): IsolationLevel {
    if (asked !== undefined) return readIsolation(asked)
    return this.#settings.defaultIsolation ?? this.#examined.isolation
  }

  /** Throws `ASSENT_RESOURCE_UNAVAILABLE` before the first check that found the database ready. */
  get #examined(): NonNullable<Examined['found']> {
    if (this.#found === undefined) throw this.#notExamined()
    return this.#found
  }

  #notExamined(): AssentError {
    const { resource } = this.#parts.ports
    const message = `${resource}: the database has not been examined yet`
    return new AssentError('ASSENT_RESOURCE_UNAVAILABLE', message, { resource })
  }

  get #parts(): Attached {
    invariant(this.#attached !== undefined, 'A5', 'a participant is used before it is attached')
    return this.#attached
  }
}
