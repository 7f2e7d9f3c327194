/**
 * Prisma over a branch reads and writes every type at MariaDB as it does by its adapter's own driver:
 * `assent/prisma` hands mysql2's connection to an adapter that was written for another driver.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { PrismaClient } from './prisma-client.ts'
import type { Outside, Shop } from './shop.ts'

/** A model with one field of each type; appended to the schema of the tests. */
export const thingModel = `
  model Thing {
    id    Int      @id @default(autoincrement())
    big   BigInt
    small Int      @db.UnsignedInt
    price Decimal  @db.Decimal(20, 5)
    ratio Float
    flag  Boolean
    bit   Boolean  @db.Bit(1)
    at    DateTime @db.DateTime(3)
    day   DateTime @db.Date
    time  DateTime @db.Time(0)
    year  Int      @db.Year
    doc   Json
    raw   Bytes
    kind  Kind
    note  String?  @db.Text
    @@map("thing")
  }
  enum Kind {
    one
    two
  }
`

const table = `create table thing (
  id int primary key auto_increment, big bigint not null, small int unsigned not null,
  price decimal(20, 5) not null, ratio double not null, flag tinyint(1) not null,
  bit bit(1) not null, at datetime(3) not null, day date not null, time time not null,
  year year not null, doc json not null, raw longblob not null,
  kind enum('one', 'two') not null, note text) engine = innodb`

const thing = {
  big: 9_007_199_254_740_993n,
  small: 2_147_483_647,
  price: '12345.67891',
  ratio: 0.1,
  flag: true,
  bit: true,
  at: new Date('2024-01-02T03:04:05.678Z'),
  day: new Date('2024-01-02T00:00:00Z'),
  time: new Date('1970-01-01T03:04:05Z'),
  year: 2024,
  doc: { list: [1, 'two', null], ä: true },
  raw: Uint8Array.of(0, 1, 255),
  kind: 'two',
  note: null,
}

interface Things {
  readonly thing: {
    create(call: { readonly data: object }): PromiseLike<{ readonly id: number }>
    findMany(call: { readonly orderBy: { readonly id: 'asc' } }): PromiseLike<object[]>
    aggregate(call: object): PromiseLike<object>
  }
  $queryRawUnsafe(text: string): PromiseLike<object[]>
  $disconnect(): Promise<void>
}

/** `own` opens a client by the adapter's own driver. */
export function everyType<Client>(
  shop: () => Shop<Client>,
  inBranch: (client: Client) => PrismaClient,
  own: (outside: Outside) => PrismaClient,
): void {
  test('writes and reads every type as by the adapter’s own driver', async () => {
    const { coordinator, orders } = shop()
    await orders.run(table)
    const owned = own(orders) as unknown as Things
    try {
      await owned.thing.create({ data: thing })
      const [first, second] = await coordinator.transaction(async (tx) => {
        const prisma = inBranch(await tx.join('orders')) as unknown as Things
        const { id } = await prisma.thing.create({ data: thing })
        assert.equal(id, 2)
        return [await read(prisma), id]
      })
      assert.deepEqual(first, await read(owned))
      assert.equal(second, 2)
    } finally {
      await owned.$disconnect()
    }
  })
}

/** By the model, summed up, and as raw rows. */
async function read(prisma: Things): Promise<unknown[]> {
  const found = await prisma.thing.findMany({ orderBy: { id: 'asc' } })
  const totals = await prisma.thing.aggregate({ _sum: { price: true, big: true }, _count: true })
  const raw = await prisma.$queryRawUnsafe('select *, count(*) over () as n from thing order by id')
  return [found, totals, raw]
}
