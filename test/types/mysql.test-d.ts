/** What the compiler knows of `assent/mysql`, checked against the driver's real types. */
import { expectTypeOf } from 'expect-type'
import callbackMysql from 'mysql2'
import mysql2, { type ResultSetHeader } from 'mysql2/promise'
import { type IsolationLevel, type MysqlOptions, type MysqlResult, mysql } from '../../src/mysql.ts'
import type { ClientOf, Participant } from '../../src/participants/contract.ts'

const pool = mysql2.createPool({})
const callbackPool = callbackMysql.createPool({})
const stock = mysql(pool)
const orders = mysql(callbackPool)

// The work's client is the pool's own, in either of the driver's faces.
expectTypeOf(stock).toEqualTypeOf<Participant<mysql2.PoolConnection, MysqlResult>>()
expectTypeOf(orders).toEqualTypeOf<Participant<callbackMysql.PoolConnection, MysqlResult>>()

// The driver's own generics are kept.
declare const client: ClientOf<typeof stock>
expectTypeOf(client.query<ResultSetHeader>('delete from item')).toEqualTypeOf<
  Promise<[ResultSetHeader, mysql2.FieldPacket[]]>
>()
declare const callbackClient: ClientOf<typeof orders>
expectTypeOf(callbackClient.query('select 1')).toEqualTypeOf<callbackMysql.Query>()

// Pools that wrap or narrow the driver's client keep their own type.
interface NarrowClient {
  query(text: string): Promise<[{ id: number }[]]>
  release(): void
}
declare const narrow: { getConnection(): Promise<NarrowClient> }
expectTypeOf(mysql(narrow)).toEqualTypeOf<Participant<NarrowClient, MysqlResult>>()

// A pool of its own for recovery, or a function that opens a connection.
expectTypeOf<{ recovery: mysql2.Pool }>().toExtend<MysqlOptions>()
expectTypeOf<{ recovery: callbackMysql.Pool }>().toExtend<MysqlOptions>()
expectTypeOf<{ recovery: () => Promise<mysql2.Connection> }>().toExtend<MysqlOptions>()
expectTypeOf<MysqlOptions['defaultIsolation']>().toEqualTypeOf<IsolationLevel | undefined>()

declare const blind: {
  getConnection(tell: (error: unknown, client: { release(): void }) => void): void
}
// @ts-expect-error: what getConnection gives can't be queried
mysql(blind)
// @ts-expect-error: a single connection is no pool
mysql(callbackMysql.createConnection({}))
// @ts-expect-error: a danger is accepted by its name only
mysql(pool, { allowUnsafe: true })
// @ts-expect-error: no such option
mysql(pool, { lastresource: true })
