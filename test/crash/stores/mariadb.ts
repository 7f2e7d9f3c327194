/** A store in MariaDB: each worker has an account of its own, by which its sessions are found. */
import type { Pool, RowDataPacket } from 'mysql2/promise'

import type { BranchId } from '../../../src/core/ids.ts'
import { type RecoveredXid, readXid, shownXid, xidOf } from '../../../src/participants/mysql/xid.ts'
import type { MariadbServer } from '../../harness/mariadb.ts'
import { until } from '../../harness/until.ts'
import { type Store, workerName, workersMax } from './store.ts'

type Rows = (RowDataPacket & { readonly found: string })[]

export function mariadbStore(server: MariadbServer, pool: Pool): Store {
  return new MariadbStore(server, pool)
}

class MariadbStore implements Store {
  readonly kind = 'mariadb'
  readonly server: MariadbServer
  readonly #pool: Pool

  constructor(server: MariadbServer, pool: Pool) {
    this.server = server
    this.#pool = pool
  }

  get url(): string {
    return this.server.url
  }

  async open(accounts: number, openingBalance: number): Promise<void> {
    const numbers = Array.from({ length: accounts }, (_, id) => `(${id}, ${openingBalance})`)
    const names = Array.from({ length: workersMax }, (_, nth) => `'${workerName(nth + 1)}'@'%'`)
    const { password } = new URL(this.url)
    for (const statement of [
      'create table account (id int primary key, balance bigint not null) engine = InnoDB',
      `insert into account values ${numbers.join(', ')}`,
      'create table journal (id varchar(80) primary key, delta bigint not null) engine = InnoDB',
      'create table taken (number int unique) engine = InnoDB',
      'insert into taken values (1)',
      `create user ${names.map((name) => `${name} identified by '${password}'`).join(', ')}`,
      `grant all on *.* to ${names.join(', ')}`,
    ]) {
      await this.#pool.query(statement)
    }
  }

  async beginAnew(openingBalance: number): Promise<void> {
    await this.#pool.query(`update account set balance = ${openingBalance}`)
    await this.#pool.query('delete from journal')
  }

  async totals(): Promise<{ readonly held: number; readonly booked: number }> {
    const [rows] = await this.#pool.query<RowDataPacket[]>(
      `select (select sum(balance) from account) as held,
         (select coalesce(sum(delta), 0) from journal) as booked`,
    )
    const [found] = rows
    return { held: Number(found?.held), booked: Number(found?.booked) }
  }

  async journal(): Promise<string[]> {
    return await this.#list('select id as found from journal')
  }

  async isInJournal(id: string): Promise<boolean> {
    return (await this.#list('select id as found from journal where id = ?', [id])).length === 1
  }

  async prepared(): Promise<string[]> {
    return (await this.#recover()).map(idOf)
  }

  async prepareStranger(id: string): Promise<void> {
    const xid = xidOf(id as BranchId, new URL(this.url).pathname.slice(1))
    const connection = await this.#pool.getConnection()
    try {
      for (const statement of [
        `xa start ${xid}`,
        'select count(*) from account',
        `xa end ${xid}`,
        `xa prepare ${xid}`,
      ]) {
        await connection.query(statement)
      }
    } finally {
      connection.destroy()
    }
  }

  /** Again and again: while the session lives that prepared it, nobody else may end it (MY-2). */
  async rollBack(id: string): Promise<void> {
    await until(`${id} is rolled back`, async () => {
      const found = (await this.#recover()).find((each) => idOf(each) === id)
      if (found === undefined) return true
      await this.#pool.query(`xa rollback ${shownXid(found)}`).catch(unless(notFound, nothingDone))
      return false
    })
  }

  async sessionsOf(workers: readonly string[]): Promise<string[]> {
    return await this.#list(
      `select concat(command, ' ', coalesce(info, '')) as found
       from information_schema.processlist where user in (?)`,
      [workers],
    )
  }

  async openTransactionsOf(worker: string): Promise<number> {
    const open = await this.#list(
      `select trx_id as found from information_schema.innodb_trx
       join information_schema.processlist on processlist.id = trx_mysql_thread_id
       where user = ?`,
      [worker],
    )
    return open.length
  }

  /** InnoDB's own list stands still while it is polled; what is under way at an account must do. */
  async waitingOf(worker: string): Promise<number> {
    const waiting = await this.#list(
      `select cast(id as char) as found from information_schema.processlist
       where user = ? and command = 'Query' and info like '%account%'`,
      [worker],
    )
    return waiting.length
  }

  async holdAccounts(): Promise<() => Promise<void>> {
    const connection = await this.#pool.getConnection()
    await connection.query('start transaction')
    await connection.query('select id from account for update')
    return async () => {
      await connection.query('rollback').catch(() => undefined)
      connection.destroy()
    }
  }

  async endSessionsOf(worker: string): Promise<number> {
    const query = 'select id as found from information_schema.processlist where user = ?'
    const ids = await this.#list(query, [worker])
    await Promise.all(
      ids.map((id) => this.#pool.query(`kill connection ${id}`).catch(unless(noSession))),
    )
    return ids.length
  }

  async decisionSlots(): Promise<number[]> {
    return await Promise.resolve([])
  }

  async slotSessions(): Promise<number> {
    return await Promise.resolve(0)
  }

  async endSlotSessions(): Promise<number> {
    return await Promise.resolve(0)
  }

  async #recover(): Promise<RecoveredXid[]> {
    const [rows] = await this.#pool.query<RowDataPacket[]>('xa recover')
    return rows.map(readXid)
  }

  async #list(query: string, values: unknown[] = []): Promise<string[]> {
    const [rows] = await this.#pool.query<Rows>(query, values)
    return rows.map(({ found }) => found)
  }
}

/** The branch's id as the coordinator knows it, in whichever database of the server it is. */
function idOf({ gtrid, bqual }: RecoveredXid): string {
  const [number] = textOf(bqual).split('.')
  return `${textOf(gtrid)}.${number}`
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

/** A session may end by itself before it is ended. */
const noSession = 1094
const notFound = 1397
/** What the server calls the end of a branch that had only read (MY-3). */
const nothingDone = 1402

/** For `catch`: throws the error on unless it has one of these numbers. */
function unless(...numbers: readonly number[]): (error: { readonly errno?: number }) => void {
  return (error) => {
    if (!numbers.includes(error.errno ?? 0)) throw error
  }
}
