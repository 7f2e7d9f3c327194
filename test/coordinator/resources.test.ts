import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { ResourceMap } from '../../src/coordinator/options.ts'
import type { Acknowledgement, ResourceCheck } from '../../src/participants/contract.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

const settings = { checkIntervalMs: 500, deliveryTimeoutMs: 1_000 }

const refused: ResourceCheck = {
  status: 'refused',
  problem: 'fsync is off',
  cure: 'Turn it on, or pass allowUnsafe',
}

describe('a resource that', () => {
  test('can not keep the promise is refused at open, and nothing stays behind', async (t) => {
    const installation = new Installation(t)
    const [orders, stock] = [new FakeDatabase('orders'), new FakeDatabase('stock')]
    stock.on.check = async () => refused
    const opening = installation.start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    await assert.rejects(opening, {
      code: 'ASSENT_RESOURCE_REFUSED',
      fields: { resource: 'stock', problem: refused.problem, cure: refused.cure },
    })
    assert.deepEqual([orders.closed, stock.closed], [1, 1])
    assert.equal(installation.logs.slots[0]?.holder, undefined, 'the log is free')
    assert.equal(installation.time.waiting, 0)
  })

  test('can not be reached at open takes no work until it is ready', async (t) => {
    const installation = new Installation(t)
    const [orders, stock] = [new FakeDatabase('orders'), new FakeDatabase('stock')]
    stock.isReachable = false
    const { coordinator, events } = await bound(installation, { orders, stock })
    await assert.rejects(
      coordinator.transaction(['stock'], () => 1),
      {
        code: 'ASSENT_RESOURCE_UNAVAILABLE',
        fields: { resource: 'stock' },
        message: /no route/,
      },
    )
    assert.equal(await coordinator.transaction(['orders'], () => 'goes on'), 'goes on')
    stock.isReachable = true
    await installation.time.advance(settings.checkIntervalMs + 20)
    assert.equal(await coordinator.transaction(['stock'], () => 1), 1)
    const states = events('resource').filter(({ resource }) => resource === 'stock')
    assert.deepEqual(
      states.map(({ state }) => state),
      ['unavailable', 'ready'],
    )
  })

  test('turns out later to be unfit is refused then, by every transaction', async (t) => {
    const installation = new Installation(t)
    const [orders, stock] = [new FakeDatabase('orders'), new FakeDatabase('stock')]
    stock.isReachable = false
    const { coordinator } = await bound(installation, { orders, stock })
    stock.on.check = async () => refused
    await installation.time.advance(settings.checkIntervalMs + 20)
    await assert.rejects(
      coordinator.transaction(['stock'], () => 1),
      {
        code: 'ASSENT_RESOURCE_REFUSED',
      },
    )
  })

  test('never answers a check keeps neither the coordinator nor the others waiting', async (t) => {
    const installation = new Installation(t)
    const [orders, stock] = [new FakeDatabase('orders'), new FakeDatabase('stock')]
    const hangs = new Gate<ResourceCheck>()
    orders.on.check = () => hangs.pass()
    stock.isReachable = false
    const opening = watch(bound(installation, { orders, stock }))
    await installation.time.advance(settings.deliveryTimeoutMs + 20)
    const { coordinator } = await opening.value()
    stock.isReachable = true
    await installation.time.advance(3 * settings.deliveryTimeoutMs)
    assert.equal(await coordinator.transaction(['stock'], () => 1), 1)
    hangs.open({ status: 'ready', fingerprint: 'fake:orders', preparedLimit: undefined })
    await installation.time.advance(settings.checkIntervalMs + 20)
    assert.equal(await coordinator.transaction(['orders'], () => 1), 1)
  })

  test('throws when it is checked is unavailable, whatever its contract says', async (t) => {
    const installation = new Installation(t)
    const [orders, stock] = [new FakeDatabase('orders'), new FakeDatabase('stock')]
    stock.on.check = () => Promise.reject(new Error('a bug in an adapter'))
    const { coordinator } = await bound(installation, { orders, stock })
    await assert.rejects(
      coordinator.transaction(['stock'], () => 1),
      {
        code: 'ASSENT_RESOURCE_UNAVAILABLE',
      },
    )
    delete stock.on.check
    await installation.time.advance(settings.checkIntervalMs + 20)
    assert.equal(await coordinator.transaction(['stock'], () => 1), 1)
  })
})

describe('a name that now reaches another database', () => {
  test('is refused at open', async (t) => {
    const { installation, orders, stock } = await moved(t)
    const opening = installation.start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    await assert.rejects(opening, {
      code: 'ASSENT_RESOURCE_CHANGED',
      fields: { resource: 'stock', expected: 'fake:stock', found: 'fake:another' },
    })
  })

  test('is taken when it is accepted by name, but gets none of the old one’s work', async (t) => {
    const { installation, orders, stock, id } = await moved(t)
    const { coordinator } = await installation.start(
      { orders: orders.participant(), stock: stock.participant() },
      { acceptChanged: ['stock'] },
    )
    await installation.time.advance(20_000)
    assert.equal(stock.count('commit'), 1, 'only what the process before had sent')
    const [waiting] = coordinator.inDoubt()
    assert.equal(waiting?.id, id)
    assert.match(waiting?.branches[1]?.problem ?? '', /another database/)
    assert.equal(await coordinator.transaction(['stock'], () => 'new work'), 'new work')
  })

  test('gets the old one’s work when it points back', async (t) => {
    const { installation, orders, stock } = await moved(t)
    stock.fingerprint = 'fake:stock'
    await installation.start({ orders: orders.participant(), stock: stock.participant() })
    await promisesSettled()
    assert.deepEqual(stock.rows, ['item'])
  })

  /** A crash leaves work for stock; then the name is pointed at another database. */
  async function moved(t: test.TestContext) {
    const installation = new Installation(t)
    const [orders, stock] = [new FakeDatabase('orders'), new FakeDatabase('stock')]
    const never = new Gate<Acknowledgement>()
    stock.on.commit = () => never.pass()
    const process = await installation.start({
      orders: orders.participant(),
      stock: stock.participant(),
    })
    let id = ''
    watch(
      process.coordinator.transaction(['orders', 'stock'], ({ tx, stock: client }) => {
        id = tx.id
        client.write('item')
      }),
    )
    await promisesSettled()
    process.crash()
    delete stock.on.commit
    stock.fingerprint = 'fake:another'
    return { installation, orders, stock, id }
  }
})

describe('one database under two names', () => {
  test('is reported, and works: each name has a branch of its own', async (t) => {
    const installation = new Installation(t)
    const [orders, stock] = ['orders', 'stock'].map(
      (name) => new FakeDatabase(name, { fingerprint: 'the one database' }),
    ) as [FakeDatabase, FakeDatabase]
    const { coordinator, events } = await bound(installation, { orders, stock })
    const details = events('resource').map(({ detail }) => detail)
    assert.ok(details.includes('the same database as orders'), String(details))
    await coordinator.transaction(['orders', 'stock'], (clients) => {
      clients.orders.write('order')
      clients.stock.write('item')
    })
    assert.deepEqual([orders.rows, stock.rows], [['order'], ['item']])
  })
})

describe('a coordinator is not opened', () => {
  const database = new FakeDatabase('x')
  const participant = database.participant()
  const maps: Readonly<Record<string, ResourceMap>> = {
    'without a resource': {},
    'with a resource named tx': { tx: participant },
    'with a resource whose name is no name': { 'my shop': participant },
    'with a resource whose name is too long': { ['a'.repeat(64)]: participant },
    'with one participant under two names': { a: participant, b: participant },
  }
  for (const [name, resources] of Object.entries(maps)) {
    test(name, async (t) => {
      const installation = new Installation(t)
      await assert.rejects(installation.start(resources), {
        code: 'ASSENT_INVALID_OPTION',
        fields: { option: 'resources' },
      })
      assert.equal(installation.logs.slots.length, 0, 'no log was touched')
    })
  }

  for (const [option, value] of Object.entries({
    timeoutMs: 0,
    settleWaitMs: Number.NaN,
    maxActive: -1,
    sweepIntervalMs: Number.POSITIVE_INFINITY,
    adoptIntervalMs: '5' as unknown as number,
  })) {
    test(`with ${option}: ${String(value)}`, async (t) => {
      const installation = new Installation(t)
      const opening = installation.start(
        { x: new FakeDatabase('x').participant() },
        {
          [option]: value,
        },
      )
      await assert.rejects(opening, { code: 'ASSENT_INVALID_OPTION', fields: { option } })
      assert.equal(installation.logs.slots.length, 0)
    })
  }

  test('with an accepted name that it does not have', async (t) => {
    const installation = new Installation(t)
    const opening = installation.start(
      { stock: new FakeDatabase('stock').participant() },
      { acceptChanged: ['stok' as 'stock'] },
    )
    await assert.rejects(opening, { code: 'ASSENT_UNKNOWN_RESOURCE' })
  })
})

async function bound(
  installation: Installation,
  { orders, stock }: { orders: FakeDatabase; stock: FakeDatabase },
) {
  const process = await installation.start(
    { orders: orders.participant(), stock: stock.participant() },
    settings,
  )
  return { coordinator: process.coordinator, events: process.events.bind(process) }
}
