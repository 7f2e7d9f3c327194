/**
 * A slot that this process has locked, and what only its holder may write: over one connection, which
 * has the lock for as long as it lives.
 *
 * Keeps A8: every transaction begins with the proof that it runs in the very session that took the lock.
 * Keeps A6: after a rejection nobody knows what was done; after a time-out the session is given up.
 * The loss of the connection is told by its events, which TCP's keep-alives make sure of, or by a use.
 */

import { NoAnswer } from '../../../core/bounded.ts'
import type {
  TableChange,
  TableContents,
  TableLog,
  TableSession,
} from '../../../core/decision-table.ts'
import type { TransactionKey } from '../../../core/ids.ts'
import type { Timers } from '../../../core/ports.ts'
import { within } from '../../sql/deadline.ts'
import { fieldOf, type PgResult } from '../driver.ts'
import { sqlState, sqlStateOf } from '../failures.ts'
import type { OwnConnection } from '../own-connection.ts'
import type { OwnStatement } from '../own-query.ts'
import { type Expected, statementsOf } from './changes.ts'
import { Removal } from './removal.ts'
import { readDecision, readRecord } from './rows.ts'
import { commit, type DecisionStatements } from './statements.ts'

export interface SlotSessionParts {
  readonly connection: OwnConnection
  readonly statements: DecisionStatements
  readonly log: TableLog
  /** The server process that has the lock. */
  readonly pid: string
  readonly timers: Timers
  /** The bound on each use. */
  readonly limitMs: number
  /** Told when the connection is closed. */
  readonly onEnd: () => void
}

const begin: OwnStatement = { own: 'begin isolation level read committed read write' }

export class SlotSession implements TableSession {
  readonly log: TableLog
  readonly #parts: SlotSessionParts
  readonly #removal: Removal
  #last: Promise<unknown> = Promise.resolve()
  #lost: { readonly cause: unknown } | undefined
  #onLost: ((cause: unknown) => void) | undefined

  constructor(parts: SlotSessionParts) {
    this.#parts = parts
    this.log = parts.log
    this.#removal = new Removal(parts.log, parts.statements)
    parts.connection.onClosed = (cause) => {
      parts.onEnd()
      this.#wasLost(cause)
    }
    // Idle, it keeps no process alive.
    parts.connection.rest(true)
  }

  get onLost(): ((cause: unknown) => void) | undefined {
    return this.#onLost
  }

  set onLost(listener: ((cause: unknown) => void) | undefined) {
    this.#onLost = listener
    if (this.#lost !== undefined) this.#tell(this.#lost.cause)
  }

  read(): Promise<TableContents> {
    const { identity } = this.log
    const { decision, record } = this.#parts.statements
    const text = `select pg_catalog.pg_backend_pid()::text as pid;
select transaction, decision, pg_catalog.encode(record, 'hex') as record
from ${decision} where log = '${identity}' order by transaction;
select name, pg_catalog.encode(record, 'hex') as record
from ${record} where log = '${identity}' order by name`
    return this.#inTurn('the log', async (connection) => {
      const [where, decisions, records] = await connection.send(text)
      this.#mustBeHere(where)
      return {
        decisions: (decisions?.rows ?? []).map((row) => readDecision(identity, row)),
        records: (records?.rows ?? []).map(readRecord),
      }
    })
  }

  write(change: TableChange): Promise<void> {
    const { statements } = this.#parts
    return this.#inTurn('a write of the log', async (connection) => {
      await this.#transaction(connection, statementsOf(change, this.log.identity, statements))
      if (change.epoch !== undefined) this.#removal.epoch = change.epoch
    })
  }

  removePresumed(transactions: readonly TransactionKey[]): Promise<readonly TransactionKey[]> {
    return this.#inTurn('the removal of rows', (connection) => {
      return this.#removal.remove(transactions, {
        ask: (text, values) => connection.ask(text, values),
        change: (expected) => this.#transaction(connection, expected),
      })
    })
  }

  async release(): Promise<void> {
    this.#onLost = undefined
    const unlocking = this.#inTurn('the end of the lock', (connection) =>
      connection.send('select pg_catalog.pg_advisory_unlock_all()'),
    )
    await unlocking.catch(() => undefined)
    this.#lost ??= { cause: new Error('the slot was released') }
    this.#parts.connection.close()
  }

  /** All of it or nothing, in the session that has the lock, and proved by tags and counts. */
  async #transaction(connection: OwnConnection, changes: readonly Expected[]): Promise<void> {
    const sent = [begin, this.#here(), ...changes.map(({ statement }) => statement), commit]
    let results: readonly PgResult[]
    try {
      results = await connection.together(sent)
    } catch (error) {
      await this.#rollBack(connection)
      if (sqlStateOf(error) === sqlState.divisionByZero) this.#giveUp(strayed())
      throw error
    }
    const proofs = [{ command: 'BEGIN' }, { command: 'SELECT' }, ...changes, { command: 'COMMIT' }]
    const isProved = (proof: Partial<Expected>, result: PgResult | undefined): boolean =>
      result?.command === proof.command &&
      (proof.rowCount === undefined || result?.rowCount === proof.rowCount)
    if (results.length === proofs.length && proofs.every((each, at) => isProved(each, results[at])))
      return
    const tags = results.map(({ command, rowCount }) => `${command} ${rowCount ?? ''}`.trim())
    throw new Error(`a write of the log was answered ${tags.join(', ')}`)
  }

  /** Fails, and the transaction with it, in any other server process. */
  #here(): OwnStatement {
    const own = 'select (1 / (pg_catalog.pg_backend_pid() = $1::integer)::integer)::text as here'
    return { own, name: 'assent_here_1', values: [this.#parts.pid] }
  }

  async #rollBack(connection: OwnConnection): Promise<void> {
    if (connection.isClosed) return
    try {
      await connection.send('rollback')
    } catch (error) {
      connection.close(error)
    }
  }

  #mustBeHere(result: PgResult | undefined): void {
    if (result !== undefined && fieldOf([result], 'pid') === this.#parts.pid) return
    const error = strayed()
    this.#giveUp(error)
    throw error
  }

  /** One use at a time: a statement must not get into another's transaction. */
  #inTurn<Result>(
    what: string,
    use: (connection: OwnConnection) => Promise<Result>,
  ): Promise<Result> {
    const turn = this.#last.then(() => this.#use(what, use))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  async #use<Result>(
    what: string,
    use: (connection: OwnConnection) => Promise<Result>,
  ): Promise<Result> {
    if (this.#lost !== undefined) throw this.#lost.cause
    const { connection, timers, limitMs } = this.#parts
    connection.rest(false)
    try {
      return await within(timers, limitMs, what, use(connection))
    } catch (error) {
      if (error instanceof NoAnswer) this.#giveUp(error)
      throw error
    } finally {
      if (this.#lost === undefined) connection.rest(true)
    }
  }

  #giveUp(cause: unknown): void {
    this.#parts.connection.close(cause)
  }

  #wasLost(cause: unknown): void {
    if (this.#lost !== undefined) return
    this.#lost = { cause: cause ?? new Error('the connection that has the slot locked was closed') }
    this.#tell(this.#lost.cause)
  }

  /** Once; never before what set the listener has gone on. */
  #tell(cause: unknown): void {
    void Promise.resolve().then(() => {
      const listener = this.#onLost
      this.#onLost = undefined
      listener?.(cause)
    })
  }
}

function strayed(): Error {
  return new Error(
    'the connection that has the slot locked reached another server process: there is a pooler ' +
      'between that does not keep a session; see the option `recovery`',
  )
}
