/**
 * The decision tables in a PostgreSQL database: the port that the log over them uses.
 *
 * Keeps A8: a slot is locked by a session-level advisory lock, which the server releases only when that
 * session is over. Its key is a hash of the schema, the installation and the slot. Another slot with
 * the same hash, or a lock of the application's own with that number, makes a free slot look taken, and
 * the next one is used; it can't make a taken one look free.
 */
import type {
  DecisionRow,
  DecisionTable,
  LockRequest,
  TableHolder,
  TableLog,
  TableSession,
} from '../../../core/decision-table.ts'
import { AssentError } from '../../../core/errors.ts'
import type { InstallationName, TransactionKey } from '../../../core/ids.ts'
import { isInstallationName, isLogIdentity } from '../../../core/ids.ts'
import { invariant } from '../../../core/invariant.ts'
import type { Timers } from '../../../core/ports.ts'
import { within } from '../../sql/deadline.ts'
import { fieldOf, type PgResult } from '../driver.ts'
import type { OwnConnection } from '../own-connection.ts'
import type { Reserve } from '../reserve.ts'
import { prepareTables } from './preparation.ts'
import { presumeAborted } from './presumption.ts'
import { SlotSession } from './slot-session.ts'
import type { DecisionStatements } from './statements.ts'

export interface DecisionTableParts {
  readonly resource: string
  readonly reserve: Reserve
  /** Opens a connection of our own to the database that was examined. */
  readonly open: () => Promise<OwnConnection>
  readonly statements: DecisionStatements
  readonly timers: Timers
  readonly create: boolean
  /** The role of the pool, where connections of our own may have another. */
  readonly poolRole: (() => Promise<string>) | undefined
}

const presumptionWaitMaxMs = 1_000

/**
 * A slot's session is there for long and mostly idle: no limit ends it, and a machine that vanished is
 * noticed by the server within half a minute, or its slot would stay locked for hours.
 */
const setUpSlot = `set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5;
set tcp_keepalives_count = 4;
select pg_catalog.set_config(name, '0', false) from pg_catalog.pg_settings
where name = 'idle_session_timeout'`

export class PostgresDecisionTable implements DecisionTable {
  readonly location: string
  readonly #parts: DecisionTableParts
  readonly #connections = new Set<OwnConnection>()

  constructor(parts: DecisionTableParts) {
    this.#parts = parts
    this.location = `the schema ${parts.statements.schema} in the database of '${parts.resource}'`
  }

  async prepare(): Promise<void> {
    const { reserve, resource, statements, create, poolRole } = this.#parts
    const { schema } = statements
    await reserve.run((connection) =>
      prepareTables({ connection, resource, schema, create, poolRole }),
    )
  }

  async logs(installation: InstallationName): Promise<readonly TableLog[]> {
    const { reserve, statements } = this.#parts
    const text = `${selectLogs(statements)} where installation = $1 order by slot`
    const results = await reserve.run((connection) => connection.ask(text, [installation]))
    return results.flatMap(({ rows }) => rows.map(readLog))
  }

  async lock(request: LockRequest): Promise<TableSession | undefined> {
    const { open, timers, reserve } = this.#parts
    const { limitMs } = reserve
    const opening = open()
    let connection: OwnConnection
    try {
      connection = await within(timers, limitMs, 'a connection for the slot', opening)
    } catch (error) {
      opening.then(
        (late) => late.close(),
        () => undefined,
      )
      throw error
    }
    this.#connections.add(connection)
    try {
      const locking = this.#lockOn(connection, request)
      const session = await within(timers, limitMs, 'the lock of the slot', locking)
      if (session !== undefined) return session
    } catch (error) {
      this.#drop(connection)
      throw error
    }
    this.#drop(connection)
    return undefined
  }

  async presumeAborted(holder: TableHolder, transaction: TransactionKey): Promise<DecisionRow> {
    const { reserve, statements } = this.#parts
    const waitMs = Math.min(presumptionWaitMaxMs, Math.ceil(reserve.limitMs / 8))
    return await reserve.run((connection) =>
      presumeAborted(connection, statements, { holder, transaction, waitMs }),
    )
  }

  /** Gives up what is locked still. */
  close(): void {
    for (const connection of this.#connections) connection.close()
  }

  async #lockOn(connection: OwnConnection, request: LockRequest): Promise<SlotSession | undefined> {
    const { statements, timers, reserve, resource } = this.#parts
    await connection.send(setUpSlot)
    const results = await connection.send(tryLock(statements.schema, request))
    if (fieldOf(results, 'held') === 'true') throw sharedSession(resource)
    if (fieldOf(results, 'locked') !== 'true') return undefined
    const log = await this.#logOf(connection, request)
    const pid = fieldOf(results, 'pid') ?? ''
    return new SlotSession({
      connection,
      statements,
      log,
      pid,
      timers,
      limitMs: reserve.limitMs,
      onEnd: () => this.#connections.delete(connection),
    })
  }

  /** The slot's log; made where there is none, which nobody else does under the lock. */
  async #logOf(
    connection: OwnConnection,
    { installation, slot, identity }: LockRequest,
  ): Promise<TableLog> {
    const { statements } = this.#parts
    const made = `insert into ${statements.log} (installation, slot, identity, epoch, is_clean)
values ($1, $2::integer, $3, 0, true) on conflict (installation, slot) do nothing`
    await connection.ask(made, [installation, String(slot), identity])
    const text = `${selectLogs(statements)} where installation = $1 and slot = $2::integer`
    const results = await connection.ask(text, [installation, String(slot)])
    const [row] = results.at(-1)?.rows ?? []
    if (row === undefined) throw new Error(`the log of slot ${slot} is gone again`)
    return readLog(row)
  }

  #drop(connection: OwnConnection): void {
    this.#connections.delete(connection)
    connection.close()
  }
}

function selectLogs({ log }: DecisionStatements): string {
  return `select slot::text as slot, identity, epoch::text as epoch, is_clean::text as clean from ${log}`
}

function readLog({ slot, identity, epoch, clean }: PgResult['rows'][number]): TableLog {
  const text = String(identity)
  if (!isLogIdentity(text)) throw new Error(`${text} is the identity of no log`)
  return {
    slot: Number(slot),
    identity: text,
    epoch: Number(epoch),
    isClean: clean === 'true',
  }
}

/**
 * In one text, and so in one session whatever is between: whether this very session has the lock
 * already, and then the lock, which it would get a second time.
 */
function tryLock(schema: string, { installation, slot }: LockRequest): string {
  const isSound = isInstallationName(installation) && Number.isInteger(slot)
  invariant(isSound, 'A7', 'a slot of no installation', { installation, slot })
  const key = `pg_catalog.hashtextextended('assent/${schema}/${installation}/${slot}', 0)`
  return `select (exists (select from pg_catalog.pg_locks
  where locktype = 'advisory' and pid = pg_catalog.pg_backend_pid() and objsubid = 1
    and (classid::bigint << 32 | objid::bigint) = ${key}))::text as held;
select pg_catalog.pg_try_advisory_lock(${key})::text as locked,
  pg_catalog.pg_backend_pid()::text as pid`
}

function sharedSession(resource: string): AssentError {
  const problem = 'connections for decisions reach a session that another process uses, too'
  const cure =
    'A pooler that does not keep sessions is between: pass `recovery`, a pool or a function that ' +
    'connects past it.'
  return new AssentError('ASSENT_RESOURCE_REFUSED', `${resource}: ${problem}. ${cure}`, {
    resource,
    problem,
    cure,
  })
}
