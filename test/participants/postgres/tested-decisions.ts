/** Decision tables under test, without a log over them: sessions, rows and branches made by hand. */
import assert from 'node:assert/strict'
import type { Pool } from 'pg'

import type {
  DecisionRow,
  DecisionTable,
  TableHolder,
  TableSession,
} from '../../../src/core/decision-table.ts'
import type { InstallationName, LogIdentity, TransactionKey } from '../../../src/core/ids.ts'
import type { PostgresOptions } from '../../../src/postgres.ts'
import { TestedParticipant } from '../../harness/postgres-branches.ts'

export const installation = 'test' as InstallationName
export const identity = '0123456789abc' as LogIdentity

let counters = 0

/** A key that no other test of this process uses. */
export function nextKey(epoch: number): TransactionKey {
  counters += 1
  return { epoch, counter: counters }
}

export function committedRow(transaction: TransactionKey): DecisionRow {
  const record = Uint8Array.of(0, 1, 92, 39, 255)
  return { log: identity, transaction, decision: 'committed', record }
}

/** A participant whose database keeps decisions, and a log of it at an epoch of its own. */
export class TestedDecisions {
  readonly tested: TestedParticipant
  readonly table: DecisionTable
  session: TableSession
  epoch: number
  readonly #pool: Pool

  /** Makes the tables where they are missing, and raises the epoch of the slot's log. */
  static async open(pool: Pool, options: PostgresOptions = {}): Promise<TestedDecisions> {
    const tested = await TestedParticipant.open(pool, options)
    const table = tableOf(tested)
    await table.prepare()
    const session = await table.lock({ installation, slot: 0, identity })
    assert.ok(session !== undefined, 'the slot is free')
    const opened = new TestedDecisions(pool, tested, table, session)
    await opened.raiseEpoch()
    return opened
  }

  private constructor(
    pool: Pool,
    tested: TestedParticipant,
    table: DecisionTable,
    session: TableSession,
  ) {
    this.#pool = pool
    this.tested = tested
    this.table = table
    this.session = session
    this.epoch = session.log.epoch
  }

  get holder(): TableHolder {
    return { log: identity, epoch: this.epoch }
  }

  /** As the next opening of the log does it. */
  async raiseEpoch(): Promise<void> {
    await this.session.write({ epoch: this.epoch + 1, isClean: false })
    this.epoch += 1
  }

  nextKey(): TransactionKey {
    return nextKey(this.epoch)
  }

  nextRow(): DecisionRow {
    return committedRow(this.nextKey())
  }

  presume(transaction: TransactionKey): Promise<DecisionRow> {
    return this.table.presumeAborted(this.holder, transaction)
  }

  /** What the table itself says of a transaction, past everything of ours. */
  async decisionOf({ epoch, counter }: TransactionKey): Promise<string | undefined> {
    const { rows } = await this.#pool.query(
      'select decision from assent.assent_decision where log = $1 and transaction = $2',
      [identity, `${epoch.toString(36)}.${counter.toString(36)}`],
    )
    return rows[0]?.decision
  }

  async close(): Promise<void> {
    await this.session.release()
    await this.tested.participant.close()
  }
}

export function tableOf({ participant }: TestedParticipant, create = true): DecisionTable {
  const table = participant.decisionTable?.({ create })
  assert.ok(table !== undefined, 'PostgreSQL keeps decisions')
  return table
}
