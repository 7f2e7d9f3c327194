import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Acknowledgement } from '../../src/participants/contract.ts'
import { lastResource } from '../../src/participants/custom/custom.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

const both = ['orders', 'stock'] as const

async function open(t: test.TestContext, settings: object = {}) {
  const installation = new Installation(t)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const start = () =>
    installation.start({ orders: orders.participant(), stock: stock.participant() }, settings)
  return { installation, orders, stock, start, process: await start() }
}

type Opened = Awaited<ReturnType<typeof open>>

/** Lets the process die when the decision is durable and no branch has heard of it. */
async function diesAfterDecision({ process, orders, stock }: Opened): Promise<string> {
  const never = new Gate<Acknowledgement>()
  orders.on.commit = () => never.pass()
  stock.on.commit = () => never.pass()
  let id = ''
  watch(
    process.coordinator.transaction(both, ({ tx, orders: one, stock: other }) => {
      id = tx.id
      one.write('order')
      other.write('item')
    }),
  )
  await promisesSettled()
  assert.equal(orders.prepared.size + stock.prepared.size, 2)
  process.crash()
  delete orders.on.commit
  delete stock.on.commit
  return id
}

describe('the next process', () => {
  test('delivers a durable decision to every branch, with what proves its fate', async (t) => {
    const shop = await open(t)
    const id = await diesAfterDecision(shop)
    const { coordinator } = await shop.start()
    await promisesSettled()
    assert.deepEqual([shop.orders.rows, shop.stock.rows], [['order'], ['item']])
    assert.equal(shop.orders.count('recover', `assent.${id}.0 xid of assent.${id}.0`), 1)
    assert.deepEqual(coordinator.inDoubt(), [])
    assert.equal(await coordinator.outcome(id), 'committed')
  })

  test('issues ids that were never used before', async (t) => {
    const { process, start } = await open(t)
    const ids = new Set<string>()
    let current = process
    for (let life = 0; life < 4; life += 1) {
      for (let count = 0; count < 3; count += 1) {
        const id = await current.coordinator.transaction(({ id }) => id)
        assert.ok(!ids.has(id), id)
        ids.add(id)
      }
      current.crash()
      current = await start()
    }
  })

  test('asks a branch again that does not answer, and says so in inDoubt', async (t) => {
    const shop = await open(t)
    const id = await diesAfterDecision(shop)
    shop.stock.on.commit = async () => ({ result: 'unknown', cause: new Error('starting up') })
    const { coordinator } = await shop.start()
    await shop.installation.time.advance(1_000)
    const [waiting] = coordinator.inDoubt()
    assert.equal(waiting?.id, id)
    assert.equal(waiting?.branches[1]?.problem, 'starting up')
    delete shop.stock.on.commit
    await shop.installation.time.advance(20_000)
    assert.deepEqual(coordinator.inDoubt(), [])
    assert.deepEqual(shop.stock.rows, ['item'])
  })

  test('delivers to whoever is up while another resource is down, and to that one later', async (t) => {
    const shop = await open(t)
    await diesAfterDecision(shop)
    shop.stock.isReachable = false
    const { coordinator } = await shop.start()
    await promisesSettled()
    assert.deepEqual([shop.orders.rows, shop.stock.rows], [['order'], []])
    assert.match(coordinator.inDoubt()[0]?.branches[1]?.problem ?? '', /no route/)
    shop.stock.isReachable = true
    await shop.installation.time.advance(30_000)
    assert.deepEqual(shop.stock.rows, ['item'])
    assert.deepEqual(coordinator.inDoubt(), [])
  })

  test('keeps what was decided for a resource that is no longer configured', async (t) => {
    const shop = await open(t)
    const id = await diesAfterDecision(shop)
    const without = await shop.installation.start({ orders: shop.orders.participant() })
    await shop.installation.time.advance(60_000)
    const [waiting] = without.coordinator.inDoubt()
    assert.match(waiting?.branches[1]?.problem ?? '', /no resource stock is configured any more/)
    without.crash()
    const { coordinator } = await shop.start()
    await promisesSettled()
    assert.equal(await coordinator.outcome(id), 'committed')
    assert.deepEqual(shop.stock.rows, ['item'])
  })

  test('finds a resource under its new name', async (t) => {
    const shop = await open(t)
    await diesAfterDecision(shop)
    await shop.installation.start({
      orders: shop.orders.participant(),
      warehouse: shop.stock.participant(),
    })
    await promisesSettled()
    assert.deepEqual(shop.stock.rows, ['item'])
  })

  test('tells a branch nothing twice that had acknowledged, and that only read', async (t) => {
    const shop = await open(t)
    const { process, orders, stock, start } = shop
    stock.on.prepare = async () => ({ vote: 'read-only', ended: false })
    orders.on.prepare = async () => ({ vote: 'read-only', ended: false })
    const never = new Gate<Acknowledgement>()
    orders.on.commit = () => never.pass()
    watch(process.coordinator.transaction(both, () => 1))
    await promisesSettled()
    assert.equal(orders.count('commit'), 1, 'committed: no branch wrote')
    process.log.writeOut() // the lazy note of it
    process.crash()
    await start()
    await promisesSettled()
    assert.equal(orders.count('recover') + stock.count('recover'), 0, 'they never prepared')
  })

  test('recovers a large backlog without waiting for its slow branches', async (t) => {
    const shop = await open(t, { settleWaitMs: 1 })
    const never = new Gate<Acknowledgement>()
    shop.orders.on.commit = () => never.pass()
    shop.stock.on.commit = () => never.pass()
    for (let count = 0; count < 200; count += 1) {
      watch(shop.process.coordinator.transaction(both, ({ stock }) => stock.write(`${count}`)))
    }
    await promisesSettled()
    shop.process.crash()
    delete shop.stock.on.commit
    const { coordinator } = await shop.start()
    await promisesSettled()
    assert.equal(shop.stock.rows.length, 200)
    assert.equal(await coordinator.transaction(['stock'], () => 'goes on'), 'goes on')
  })
})

describe('a transaction whose last resource’s fate is not known', () => {
  async function openMail(t: test.TestContext, evidence?: () => string) {
    const installation = new Installation(t)
    const orders = new FakeDatabase('orders')
    const asked: string[] = []
    const hangs = new Gate<boolean>()
    const answer = {
      commit: (): Promise<boolean> => hangs.pass(),
    }
    const mail = () =>
      lastResource({
        commit: () => answer.commit(),
        rollback: () => undefined,
        ...(evidence === undefined
          ? {}
          : {
              evidence: (id: string) => {
                asked.push(id)
                return evidence() as 'committed'
              },
            }),
      })
    const start = () => installation.start({ orders: orders.participant(), mail: mail() })
    return { installation, orders, start, hangs, answer, asked, process: await start() }
  }

  type Mail = Awaited<ReturnType<typeof openMail>>

  async function diesWhileMailCommits({ process, orders }: Mail): Promise<string> {
    let id = ''
    watch(
      process.coordinator.transaction(['orders', 'mail'], ({ tx, orders: client }) => {
        id = tx.id
        client.write('order')
      }),
    )
    await promisesSettled()
    assert.equal(orders.prepared.size, 1)
    process.crash()
    return id
  }

  test('is held after a crash: nothing is presumed, however long it takes', async (t) => {
    const shop = await openMail(t)
    const id = await diesWhileMailCommits(shop)
    const { coordinator } = await shop.start()
    await shop.installation.time.advance(3_600_000)
    assert.equal(coordinator.inDoubt()[0]?.state, 'held')
    assert.equal(await coordinator.outcome(id), 'unknown')
    assert.equal(shop.orders.prepared.size, 1)
  })

  for (const decision of ['committed', 'aborted'] as const) {
    test(`is settled as ${decision} by the evidence of the resource`, async (t) => {
      let known = 'unknown'
      const shop = await openMail(t, () => known)
      const id = await diesWhileMailCommits(shop)
      const { coordinator } = await shop.start()
      await shop.installation.time.advance(10_000)
      assert.equal(coordinator.inDoubt()[0]?.state, 'held')
      assert.ok(shop.asked.length > 1, 'it is asked again')
      known = decision
      await shop.installation.time.advance(30_000)
      assert.equal(await coordinator.outcome(id), decision)
      assert.deepEqual(shop.orders.rows, decision === 'committed' ? ['order'] : [])
      assert.equal(shop.orders.prepared.size, 0)
      assert.equal(shop.asked.at(-1), `assent.${id}.0`, 'mail comes before orders')
    })
  }

  test('is settled by its own answer when that comes after all', async (t) => {
    for (const committed of [true, false]) {
      const shop = await openMail(t)
      const call = watch(shop.process.coordinator.transaction(['orders', 'mail'], () => 1))
      await shop.installation.time.advance(11_000)
      const { code, fields } = (await call.reason()) as { code: string; fields: { id: string } }
      assert.equal(code, 'ASSENT_OUTCOME_UNKNOWN')
      shop.hangs.open(committed)
      await promisesSettled()
      const outcome = await shop.process.coordinator.outcome(fields.id)
      assert.equal(outcome, committed ? 'committed' : 'aborted')
      assert.equal(shop.orders.prepared.size, 0)
    }
  })

  test('that answered “not committed” stays aborted after a crash: the caller was told so', async (t) => {
    const shop = await openMail(t)
    shop.answer.commit = async () => false
    const failed = shop.process.coordinator.transaction(['orders', 'mail'], () => 1)
    let id = ''
    await assert.rejects(failed, (error) => {
      id = (error as { fields: { id: string } }).fields.id
      return (error as { code: string }).code === 'ASSENT_ABORTED_BY_VOTE'
    })
    shop.process.crash()
    const { coordinator } = await shop.start()
    assert.equal(await coordinator.outcome(id), 'aborted')
    assert.deepEqual(coordinator.inDoubt(), [])
  })
})
