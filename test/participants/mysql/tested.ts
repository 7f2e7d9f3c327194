/** A MySQL participant under test, without an engine. */
import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import type { BranchId } from '../../../src/core/ids.ts'
import { type MysqlOptions, mysql } from '../../../src/mysql.ts'
import { type TestedBranchOf, TestedParticipantOf } from '../../harness/tested-participant.ts'
import { until } from '../../harness/until.ts'

export { causeOf, done } from '../../harness/tested-participant.ts'

export type TestedBranch = TestedBranchOf<PoolConnection>

export class TestedParticipant extends TestedParticipantOf<PoolConnection> {
  /** A participant over the pool, checked and found ready. */
  static async open(pool: Pool, options: MysqlOptions = {}): Promise<TestedParticipant> {
    const tested = TestedParticipant.attach(pool, options)
    await tested.ready()
    return tested
  }

  /** One that was not checked yet. */
  static attach(pool: Pool, options: MysqlOptions = {}): TestedParticipant {
    return new TestedParticipant(mysql(pool, options))
  }
}

/** The number of a server's error. */
export function errnoOf(error: unknown): unknown {
  return (error as { errno?: unknown } | undefined)?.errno
}

/** What can be asked: a pool, a connection, a branch's client. */
export type Asked = Pick<Pool, 'query'>

/** The rows of a query. */
export async function rowsOf(asked: Asked, text: string, values: unknown[] = []): Promise<Row[]> {
  const [rows] = await asked.query<RowDataPacket[]>(text, values)
  return rows
}

export type Row = Record<string, unknown>

/** The first column of the first row, as a number. */
export async function numberOf(asked: Asked, text: string): Promise<number> {
  const [row] = await rowsOf(asked, text)
  return Number(Object.values(row ?? {})[0])
}

export async function changed(asked: Asked, text: string): Promise<number> {
  const [header] = await asked.query<ResultSetHeader>(text)
  return header.affectedRows
}

/** The global parts of the prepared branches that the server shows, sorted. */
export async function preparedIn(asked: Asked): Promise<string[]> {
  const rows = await rowsOf(asked, 'xa recover')
  return rows.map((row) => String(row.data).slice(0, Number(row.gtrid_length))).sort()
}

/** The global part of a branch's id, as `preparedIn` shows it. */
export function globalOf(id: BranchId): string {
  return id.slice(0, id.lastIndexOf('.'))
}

/** How many connections the pool keeps at rest. */
export function idleIn(pool: Pool): number {
  return sizesOf(pool)._freeConnections.length
}

export function totalIn(pool: Pool): number {
  return sizesOf(pool)._allConnections.length
}

export function waitingIn(pool: Pool): number {
  return sizesOf(pool)._connectionQueue.length
}

type Sizes = Record<
  '_freeConnections' | '_allConnections' | '_connectionQueue',
  { readonly length: number }
>

function sizesOf(pool: Pool): Sizes {
  return (pool as unknown as { pool: Sizes }).pool
}

/** Resolves when all connections are back: a session gets its own limits back before it goes. */
export async function allIdle(pool: Pool): Promise<void> {
  await until('all connections are back', () => idleIn(pool) === totalIn(pool))
}
