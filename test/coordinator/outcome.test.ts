import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Acknowledgement, Vote } from '../../src/participants/contract.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

async function open(t: test.TestContext) {
  const installation = new Installation(t)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const start = () =>
    installation.start({ orders: orders.participant(), stock: stock.participant() })
  const process = await start()
  return { installation, orders, stock, start, process, coordinator: process.coordinator }
}

const both = ['orders', 'stock'] as const

describe('the outcome of a transaction is', () => {
  test('active while it works, votes, and while its decision is not durable', async (t) => {
    const { installation, process, coordinator, stock } = await open(t)
    const [working, voting] = [new Gate(), new Gate<Vote>()]
    stock.on.prepare = () => voting.pass()
    installation.logs.durability = 'when told'
    let id = ''
    const call = watch(
      coordinator.transaction(both, ({ tx }) => {
        id = tx.id
        return working.pass()
      }),
    )
    await promisesSettled()
    assert.equal(await coordinator.outcome(id), 'active')
    working.open()
    await promisesSettled()
    assert.equal(await coordinator.outcome(id), 'active')
    voting.open({ vote: 'yes', evidence: undefined })
    await promisesSettled()
    assert.equal(await coordinator.outcome(id), 'active', 'the record is under way')
    process.log.writeOut()
    await call.value()
    assert.equal(await coordinator.outcome(id), 'committed')
  })

  test('committed from the durable decision on, also while it is being delivered', async (t) => {
    const { coordinator, installation, stock } = await open(t)
    const slow = new Gate<Acknowledgement>()
    stock.on.commit = () => slow.pass()
    const call = watch(coordinator.transact(both, () => 1, { settleWaitMs: 10 }))
    await installation.time.advance(40)
    const { id = '' } = await call.value()
    assert.equal(await coordinator.outcome(id), 'committed')
    slow.open({ result: 'done' })
    await promisesSettled()
    assert.equal(await coordinator.outcome(id), 'committed')
  })

  test('aborted after a rollback, though nothing of it was ever recorded', async (t) => {
    const { coordinator, installation } = await open(t)
    let id = ''
    const call = coordinator.transaction(both, ({ tx }) => {
      id = tx.id
      throw new Error('the work fails')
    })
    await assert.rejects(call)
    assert.equal(await coordinator.outcome(id), 'aborted')
    assert.deepEqual(installation.logs.durableRecords(), [])
  })

  test('aborted after a crash before the decision, and committed after one behind it', async (t) => {
    const { installation, process, coordinator, start } = await open(t)
    installation.logs.durability = 'when told'
    const ids: string[] = []
    for (const _ of ['recorded', 'lost']) {
      watch(coordinator.transaction(both, ({ tx }) => ids.push(tx.id)))
      await promisesSettled()
      if (ids.length === 1) process.log.writeOut()
      await promisesSettled()
    }
    process.crash()
    installation.logs.durability = 'at once'
    const next = await start()
    assert.equal(await next.coordinator.outcome(ids[0] ?? ''), 'committed')
    assert.equal(await next.coordinator.outcome(ids[1] ?? ''), 'aborted')
  })

  test('known for a one-phase commit, until a crash loses the lazy note: then unknown', async (t) => {
    const { process, coordinator, start } = await open(t)
    const { id = '' } = await coordinator.transact(['stock'], () => 1)
    assert.equal(await coordinator.outcome(id), 'committed')
    process.crash()
    const next = await start()
    assert.equal(await next.coordinator.outcome(id), 'unknown', 'absence no longer means abort')
  })

  test('exact for every transaction that is older than the first one-phase commit', async (t) => {
    const { process, coordinator, start } = await open(t)
    let aborted = ''
    const failed = coordinator.transaction(both, ({ tx }) => {
      aborted = tx.id
      throw new Error('x')
    })
    await assert.rejects(failed)
    await coordinator.transaction(['stock'], () => 1)
    process.crash()
    const next = await start()
    assert.equal(await next.coordinator.outcome(aborted), 'aborted')
  })

  test('not aborted for one that was live when the first one-phase commit was marked', async (t) => {
    const { process, coordinator, start, installation, stock } = await open(t)
    const working = new Gate()
    let elder = ''
    const call = watch(
      coordinator.transaction(async (tx) => {
        elder = tx.id
        await working.pass()
        await tx.join('stock')
      }),
    )
    await coordinator.transaction(['stock'], () => 1)
    working.open()
    await call.value()
    assert.equal(stock.count('commit-one-phase'), 2)
    assert.equal(installation.logs.durableRecords().filter((r) => r.type === 'one-phase').length, 1)
    process.crash()
    const next = await start()
    assert.equal(await next.coordinator.outcome(elder), 'unknown', 'it committed: not aborted')
  })

  test('unknown for what another log issued, and for what nobody has issued yet', async (t) => {
    const { coordinator } = await open(t)
    assert.equal(await coordinator.outcome('shop.7k2m9q4w8x1zc.1.1'), 'unknown')
    assert.equal(await coordinator.outcome('shop-eu.0000000000000.1.1'), 'unknown')
    assert.equal(await coordinator.outcome('shop.0000000000000.1.zz'), 'unknown')
    assert.equal(await coordinator.outcome('shop.0000000000000.9.1'), 'unknown')
  })

  test('not to be had for a text that is no transaction id', async (t) => {
    const { coordinator } = await open(t)
    for (const id of ['', 'x', 'assent.shop.0000000000000.1.1.0', 'shop.0000000000000.01.1']) {
      await assert.rejects(coordinator.outcome(id), {
        code: 'ASSENT_INVALID_OPTION',
        fields: { option: 'id' },
      })
    }
  })

  test('mixed as soon as one branch is known to have gone astray, before the others end', async (t) => {
    const { coordinator, installation, orders, stock, process, start } = await open(t)
    orders.on.commit = async () => ({ result: 'unknown', cause: new Error('down') })
    stock.on.commit = async () => ({ result: 'heuristic', kind: 'rolled-back', detail: 'x' })
    const call = watch(coordinator.transaction(both, () => 1, { settleWaitMs: 10 }))
    await installation.time.advance(40)
    const { fields } = (await call.reason()) as { fields: { id: string } }
    assert.equal(await coordinator.outcome(fields.id), 'mixed')
    process.crash()
    const next = await start()
    assert.equal(await next.coordinator.outcome(fields.id), 'mixed')
    delete orders.on.commit
    await installation.time.advance(60_000)
    assert.equal(await next.coordinator.outcome(fields.id), 'mixed')
  })

  test('hazard when nobody can tell, and mixed when somebody can: the same live and retained', async (t) => {
    const { coordinator, installation, orders, stock } = await open(t)
    const slow = new Gate<Acknowledgement>()
    const hazard = { result: 'heuristic', kind: 'hazard', detail: 'too old to tell' } as const
    for (const other of ['hazard', 'rolled-back'] as const) {
      orders.on.commit = async () => hazard
      stock.on.commit = async () => ({ ...hazard, kind: other })
      const call = watch(coordinator.transaction(both, () => 1, { settleWaitMs: 10 }))
      await installation.time.advance(40)
      const { fields } = (await call.reason()) as { fields: { id: string } }
      const expected = other === 'hazard' ? 'hazard' : 'mixed'
      assert.equal(await coordinator.outcome(fields.id), expected)
    }
    orders.on.commit = async () => hazard
    stock.on.commit = () => slow.pass()
    const call = watch(coordinator.transaction(both, () => 1, { settleWaitMs: 10 }))
    await installation.time.advance(40)
    const { fields } = (await call.reason()) as { fields: { id: string } }
    assert.equal(await coordinator.outcome(fields.id), 'hazard', 'while stock has not answered')
    slow.open({ ...hazard, kind: 'rolled-back' })
    await promisesSettled()
    assert.equal(await coordinator.outcome(fields.id), 'mixed')
  })
})
