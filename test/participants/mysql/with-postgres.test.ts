/** One transaction over PostgreSQL and MariaDB: it happens in both or in neither. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { PoolConnection } from 'mysql2/promise'
import type { PoolClient } from 'pg'
import { type Coordinator, openCoordinator } from '../../../src/index.ts'
import { type MysqlResult, mysql } from '../../../src/mysql.ts'
import type { Participant } from '../../../src/participants/contract.ts'
import { type PgResult, postgres } from '../../../src/postgres.ts'
import { mariadbSuite } from '../../harness/mariadb.ts'
import { missingPostgres, PostgresServers } from '../../harness/postgres.ts'
import { errnoOf, numberOf, preparedIn } from './tested.ts'

const missing = await missingPostgres()

await mariadbSuite('a transaction over PostgreSQL and MariaDB', (servers) => {
  if (missing !== undefined) {
    test('needs PostgreSQL', { skip: missing }, () => undefined)
    return
  }
  const postgreses = new PostgresServers()
  let directory: string
  let orders: ReturnType<typeof postgreses.pool>
  let stock: ReturnType<typeof servers.pool>
  let coordinator: Coordinator<{
    orders: Participant<PoolClient, PgResult>
    stock: Participant<PoolConnection, MysqlResult>
  }>

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'assent-both-'))
    orders = postgreses.pool((await postgreses.shared()).url)
    stock = servers.pool(await servers.database(await servers.shared()))
    await orders.query('create table placed (id int primary key)')
    await stock.query('create table item (id int primary key, count int)')
    await stock.query('insert into item values (1, 10), (2, 10)')
    coordinator = await openCoordinator({
      name: 'shop',
      log: join(directory, 'log'),
      resources: { orders: postgres(orders), stock: mysql(stock) },
    })
  })

  after(async () => {
    await coordinator.close()
    await postgreses.close()
    await rm(directory, { recursive: true })
  })

  const left = (id: number): Promise<number> =>
    numberOf(stock, `select count from item where id = ${id}`)
  const isPlaced = async (id: number): Promise<boolean> =>
    (await orders.query('select from placed where id = $1', [id])).rowCount === 1

  test('commits both', async () => {
    const value = await coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
      await orders.query('insert into placed values (1)')
      await stock.query('update item set count = count - 1 where id = ?', [1])
      return 'done'
    })
    assert.equal(value, 'done')
    assert.equal(await isPlaced(1), true)
    assert.equal(await left(1), 9)
    assert.deepEqual(await preparedIn(stock), [])
  })

  test('rolls both back when the work throws', async () => {
    const wrong = new Error('out of stock')
    await assert.rejects(
      coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
        await orders.query('insert into placed values (2)')
        await stock.query('update item set count = count - 1 where id = ?', [1])
        throw wrong
      }),
      wrong,
    )
    assert.equal(await isPlaced(2), false)
    assert.equal(await left(1), 9)
  })

  test('rolls both back when a statement failed and was caught', async () => {
    await assert.rejects(
      coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
        await orders.query('insert into placed values (3)')
        await stock.query('update item set count = 0 where id = 1')
        await stock.query('insert into item values (1, 1)').catch(() => undefined)
      }),
    )
    assert.equal(await isPlaced(3), false)
    assert.equal(await left(1), 9)
  })

  test('MY-5 a deadlock is run again', async () => {
    let attempts = 0
    // Each takes what the other takes first; the second round of whoever loses finds it free.
    const move = (first: number, second: number, arrived: () => Promise<void>): Promise<void> =>
      coordinator.transaction(
        ['orders', 'stock'],
        async ({ orders, stock }) => {
          attempts += 1
          await orders.query('insert into placed values ($1)', [100 + first])
          await stock.query('update item set count = count - 1 where id = ?', [first])
          await arrived()
          await stock.query('update item set count = count + 1 where id = ?', [second])
        },
        { retry: { attempts: 5 } },
      )
    const [one, other] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    await Promise.all([
      move(1, 2, () => {
        one.resolve()
        return other.promise
      }),
      move(2, 1, () => {
        other.resolve()
        return one.promise
      }),
    ])
    assert.equal(attempts, 3)
    assert.equal((await left(1)) + (await left(2)), 19)
    assert.ok((await isPlaced(101)) && (await isPlaced(102)))
  })

  test('one branch alone commits in one phase', async () => {
    await coordinator.transaction(['stock'], async ({ stock }) => {
      await stock.query('update item set count = 5 where id = 2')
    })
    assert.equal(await left(2), 5)
    await assert.rejects(
      coordinator.transaction(['stock'], async ({ stock }) => {
        await stock.query('insert into item values (1, 1)')
      }),
      (error) => errnoOf(error) === 1062,
    )
  })

  test('a nested transaction is a savepoint in both', async () => {
    await coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
      await orders.query('insert into placed values (5)')
      await coordinator
        .transaction(
          ['orders', 'stock'],
          async (inner) => {
            await inner.orders.query('insert into placed values (6)')
            await inner.stock.query('update item set count = 0')
            throw new Error('not this part')
          },
          { propagation: 'nested' },
        )
        .catch(() => undefined)
      await stock.query('update item set count = 7 where id = 2')
    })
    assert.deepEqual([await isPlaced(5), await isPlaced(6), await left(2)], [true, false, 7])
  })

  const take = 'update item set count = count - ? where id = ?'

  test('without a callback, both or neither, and each answers as its driver does', async () => {
    const before = await left(1)
    const done = await coordinator.execute({
      orders: ['insert into placed values ($1) returning id', [71]],
      stock: [
        [take, [1, 1]],
        ['select count from item where id = ?', [1]],
      ],
    })
    assert.deepEqual(done.orders.rows, [{ id: 71 }])
    const [header, rows] = done.stock
    assert.equal(header !== undefined && 'affectedRows' in header && header.affectedRows, 1)
    assert.deepEqual(rows, [{ count: before - 1 }])
    const failing = coordinator.execute({
      orders: ['insert into placed values ($1)', [72]],
      stock: [[take, [1, 1]], ['insert into item values (1, 1)']],
    })
    await assert.rejects(failing, (error: unknown) => errnoOf(error) === 1062)
    assert.deepEqual(
      [await left(1), await isPlaced(71), await isPlaced(72)],
      [before - 1, true, false],
    )
  })

  test('without a callback, inside a transaction that is undone', async () => {
    const before = await left(2)
    const undone = coordinator.transaction(async () => {
      await coordinator.execute({
        stock: [take, [5, 2]],
        orders: ['insert into placed values (73)'],
      })
      throw new Error('undone')
    })
    await assert.rejects(undone, /undone/)
    assert.deepEqual([await left(2), await isPlaced(73)], [before, false])
    for (const text of ['commit', 'create table t (id int)', 'start transaction']) {
      const refused = coordinator.execute({ stock: [text] })
      await assert.rejects(refused, { code: 'ASSENT_STATEMENT_REFUSED' })
    }
  })
})
