/** What the compiler knows of `assent/postgres`, checked against the driver's real types. */
import { expectTypeOf } from 'expect-type'
import pg, { type PoolClient, type QueryArrayResult, type QueryResult } from 'pg'
import type { ClientOf, Participant } from '../../src/participants/contract.ts'
import { type IsolationLevel, type PostgresOptions, postgres } from '../../src/postgres.ts'

const pool = new pg.Pool()
const orders = postgres(pool)

// The pool's `connect` is overloaded; its client's type is found all the same.
expectTypeOf(orders).toEqualTypeOf<Participant<PoolClient>>()
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
expectTypeOf(postgres(narrow)).toEqualTypeOf<Participant<NarrowClient>>()

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
