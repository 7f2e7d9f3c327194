/** What the compiler knows of `assent/config`. */
import { expectTypeOf } from 'expect-type'
import type { PoolClient } from 'pg'
import { type Configuration, defineConfig, openConfigured } from '../../src/config.ts'
import type { Coordinator, Participant } from '../../src/index.ts'

const configuration = defineConfig({
  name: 'shop',
  log: './transactions',
  resources: {
    orders: { kind: 'postgres', url: { env: 'ORDERS_URL' }, poolSize: 20 },
    stock: { kind: 'mysql', url: 'mysql://shop@127.0.0.1/stock' },
  },
  timeoutMs: 5_000,
  retention: { ms: 1_000 },
})
expectTypeOf(configuration).toExtend<Configuration>()
// The names of the resources are kept.
expectTypeOf(configuration).toEqualTypeOf<Configuration<'orders' | 'stock'>>()

interface Resources {
  readonly [name: string]: Participant
  readonly orders: Participant<PoolClient>
}
const { coordinator, pools } = await openConfigured<Resources>()
expectTypeOf(coordinator).toEqualTypeOf<Coordinator<Resources>>()
expectTypeOf(pools).toExtend<Readonly<Record<'orders', unknown>>>()

const least = { name: 'shop', log: './transactions' }
const orders = { kind: 'postgres', url: { env: 'ORDERS_URL' } } as const
// @ts-expect-error: no such key
defineConfig({ ...least, resources: { orders }, timeOutMs: 1 })
// @ts-expect-error: no such key of a resource
defineConfig({ ...least, resources: { orders: { ...orders, poolsize: 1 } } })
// @ts-expect-error: no such kind
defineConfig({ ...least, resources: { orders: { kind: 'oracle', url: 'oracle://db' } } })
// @ts-expect-error: a database needs its url
defineConfig({ ...least, resources: { orders: { kind: 'mysql' } } })
// @ts-expect-error: no resources
defineConfig(least)
