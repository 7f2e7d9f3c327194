/** What the compiler knows of `assent/postgres`, checked against the driver's real types. */
import { expectTypeOf } from 'expect-type'
import pg, { type PoolClient, type QueryArrayResult, type QueryResult } from 'pg'
import type { Coordinator } from '../../src/index.ts'
import type { ClientOf, Participant } from '../../src/participants/contract.ts'
import {
  type IsolationLevel,
  type PgResult,
  type PostgresOptions,
  postgres,
} from '../../src/postgres.ts'

const pool = new pg.Pool()
const orders = postgres(pool)

// The pool's `connect` is overloaded; its client's type is found all the same.
expectTypeOf(orders).toEqualTypeOf<Participant<PoolClient, PgResult>>()
expectTypeOf<ClientOf<typeof orders>>().toEqualTypeOf<PoolClient>()

// The driver's own generics are kept.
declare const client: ClientOf<typeof orders>
expectTypeOf(client.query<{ id: number }>('select id from item')).toEqualTypeOf<
  Promise<QueryResult<{ id: number }>>
>()
expectTypeOf(
  client.query<[number], [string]>({ text: 'select $1', rowMode: 'array', values: ['1'] }),
).toEqualTypeOf<Promise<QueryArrayResult<[number]>>>()

// Pools that wrap or narrow the driver's client keep their own type.
interface NarrowClient {
  query(text: string): Promise<{ rows: { id: number }[] }>
  release(destroy?: Error | boolean): void
}
declare const narrow: { connect(): Promise<NarrowClient> }
expectTypeOf(postgres(narrow)).toEqualTypeOf<Participant<NarrowClient, PgResult>>()

// A pool of its own for recovery, or a function that opens a connection.
expectTypeOf<{ recovery: pg.Pool }>().toExtend<PostgresOptions>()
expectTypeOf<{ recovery: () => Promise<pg.Client> }>().toExtend<PostgresOptions>()
expectTypeOf<PostgresOptions['defaultIsolation']>().toEqualTypeOf<IsolationLevel | undefined>()

// @ts-expect-error: what connect gives can't be queried
postgres({ connect: async () => ({ release: () => undefined }) })
// @ts-expect-error: a single connection is no pool
postgres(new pg.Client())
// @ts-expect-error: a danger is accepted by its name only
postgres(pool, { allowUnsafe: true })
// @ts-expect-error: no such option
postgres(pool, { lastresource: true })

// Without a callback: one result for one statement, a list for a list.
declare const shop: Coordinator<{ readonly orders: typeof orders; readonly stock: typeof orders }>
const executed = await shop.execute({
  orders: ['insert into item values ($1)', [1]],
  stock: [['select 1'], ['select $1::int', [2]]],
})
expectTypeOf(executed.orders).toEqualTypeOf<PgResult>()
expectTypeOf(executed.stock).toEqualTypeOf<readonly PgResult[]>()
expectTypeOf(executed).not.toHaveProperty('other')
// The same, made from the transaction's id.
const executedLater = await shop.execute((tx) => ({
  orders: ['insert into item values ($1)', [tx.id]],
  stock: [['select 1']],
}))
expectTypeOf(executedLater.orders).toEqualTypeOf<PgResult>()
expectTypeOf(executedLater.stock).toEqualTypeOf<readonly PgResult[]>()
// @ts-expect-error: statements are known at once
shop.execute(async () => ({ orders: ['select 1'] }))
// @ts-expect-error: no such resource
shop.execute({ other: ['select 1'] })
// @ts-expect-error: a text alone is no statement
shop.execute({ orders: 'select 1' })
