/** Prisma in a branch. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'
import type { PoolConnection } from 'mysql2'
import type { PoolClient } from 'pg'

import { mariadbSuite } from '../harness/mariadb.ts'
import { postgresSuite } from '../harness/postgres.ts'
import { behaviours } from './behaviours/all.ts'
import type { Items, Library, OwnPool } from './library.ts'
import { mariadbShop } from './mariadb.ts'
import { placeOrder, prismaOf } from './pages/prisma.ts'
import { prismaOf as mysqlPrismaOf } from './pages/prisma-mysql.ts'
import { postgresShop } from './postgres.ts'
import {
  type GeneratedClient,
  generatePrismaClient,
  type PrismaClient,
  type PrismaTransaction,
} from './prisma-client.ts'
import { everyType, thingModel } from './prisma-types.ts'

function itemsOf(prisma: PrismaClient): Items {
  return {
    ...tableOf(prisma),
    transaction: (work) => prisma.$transaction((own) => work(itemsOf(own as PrismaClient))),
    serializable: (work) =>
      prisma.$transaction((own) => work(itemsOf(own as PrismaClient)), {
        isolationLevel: 'Serializable',
      }),
  }
}

function tableOf(prisma: PrismaTransaction): Omit<Items, 'transaction'> {
  return {
    add: async (id, name) => await prisma.item.create({ data: { id, name } }),
    rename: async (id, name) => await prisma.item.updateMany({ where: { id }, data: { name } }),
    names: async () => {
      const found = await prisma.item.findMany({ orderBy: { id: 'asc' } })
      return found.map(({ name }) => name)
    },
    send: async (text) => await prisma.$executeRawUnsafe(text),
  }
}

/** A Prisma client with a pool of its own, outside of any branch. */
function ownPool({ PrismaClient }: GeneratedClient, adapter: unknown): OwnPool {
  const own = new PrismaClient({ adapter })
  return { query: () => tableOf(own).names(), close: () => own.$disconnect() }
}

/** How the adapter's own driver is told of a server. */
function mariadbConfig(url: string) {
  const { hostname: host, port, username: user, password, pathname } = new URL(url)
  const database = pathname.slice(1)
  return { host, port: Number(port), user, password, database, connectionLimit: 1 }
}

/** Lets its guests go on in the same tick, when all have come. */
class Meeting {
  readonly #all = Promise.withResolvers<void>()
  #awaited: number

  constructor(guests: number) {
    this.#awaited = guests
  }

  arrive(): Promise<void> {
    this.#awaited -= 1
    if (this.#awaited === 0) this.#all.resolve()
    return this.#all.promise
  }
}

await postgresSuite('Prisma on PostgreSQL', (servers) => {
  let generated: GeneratedClient
  const library: Library<PoolClient> = {
    secondTransaction: 'refused',
    items: (client) => itemsOf(prismaOf(generated.PrismaClient, client)),
    ownPool: (connectionString) => ownPool(generated, new PrismaPg({ connectionString, max: 1 })),
    close: () => generated.remove(),
  }
  const open = async () => {
    generated = await generatePrismaClient('postgresql')
    return await postgresShop(servers)
  }
  behaviours(library, open, (shop) => {
    test('runs the code of its page', async () => {
      await placeOrder(shop().coordinator, generated.PrismaClient, 1, 'chair')
      assert.deepEqual(await shop().seen(), { orders: ['chair'], stock: ['chair'] })
    })

    test('takes a list of queries as one transaction', async () => {
      await shop().coordinator.transaction(['orders', 'stock'], async ({ orders }) => {
        const prisma = prismaOf(generated.PrismaClient, orders)
        const create = (id: number) => prisma.item.create({ data: { id, name: `order ${id}` } })
        await prisma.$transaction([create(1), create(2)])
        await assert.rejects(prisma.$transaction([create(3), create(1)]), { code: 'P2002' })
      })
      assert.deepEqual((await shop().seen()).orders, ['order 1', 'order 2'])
    })

    test('finds that it gathers into one query stay in their own branch', async () => {
      const { coordinator } = shop()
      const [both, looked] = [new Meeting(2), new Meeting(2)]
      const found = [1, 2].map((id) =>
        coordinator.transaction(async (tx) => {
          const prisma = prismaOf(generated.PrismaClient, await tx.join('orders'))
          await prisma.item.create({ data: { id, name: `order ${id}` } })
          await both.arrive()
          const finds = [1, 2, 3].map((each) => prisma.item.findUnique({ where: { id: each } }))
          const names = (await Promise.all(finds)).map((each) => each?.name)
          // Neither commits before the other has looked, or its row might be seen by right.
          await looked.arrive()
          return names
        }),
      )
      assert.deepEqual(await Promise.all(found), [
        ['order 1', undefined, undefined],
        [undefined, 'order 2', undefined],
      ])
    })
  })
})

await mariadbSuite('Prisma on MariaDB', (servers) => {
  let generated: GeneratedClient
  const ownAdapter = (url: string): unknown => new PrismaMariaDb(mariadbConfig(url))
  const library: Library<PoolConnection> = {
    secondTransaction: 'waits',
    items: (client) => itemsOf(mysqlPrismaOf(generated.PrismaClient, client)),
    ownPool: (url) => ownPool(generated, ownAdapter(url)),
    close: () => generated.remove(),
  }
  const open = async () => {
    generated = await generatePrismaClient('mysql', thingModel)
    return await mariadbShop(servers)
  }
  behaviours(library, open, (shop) => {
    test('work beside its own transaction waits, and is not undone with it', async () => {
      await shop().coordinator.transaction(['orders', 'stock'], async ({ orders }) => {
        const items = itemsOf(mysqlPrismaOf(generated.PrismaClient, orders))
        await items.add(1, 'before')
        const undone = items.transaction(async (own) => {
          await own.add(2, 'undone')
          throw new Error('no')
        })
        const ended = await Promise.allSettled([
          undone,
          items.add(3, 'beside'),
          items.rename(1, 'x'),
        ])
        const statuses = ended.map(({ status }) => status)
        assert.deepEqual(statuses, ['rejected', 'fulfilled', 'fulfilled'])
      })
      assert.deepEqual((await shop().seen()).orders, ['x', 'beside'])
    })

    everyType(
      shop,
      (client) => mysqlPrismaOf(generated.PrismaClient, client),
      ({ url }) => new generated.PrismaClient({ adapter: ownAdapter(url) }),
    )
  })
})
