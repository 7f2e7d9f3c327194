import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { isAssentError } from '../../src/core/errors.ts'
import type { Acknowledgement, Vote } from '../../src/participants/contract.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

const both = ['orders', 'stock'] as const
const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })

async function open(t: test.TestContext) {
  const installation = new Installation(t)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const mail = new FakeDatabase('mail', { canPrepare: false })
  const start = () =>
    installation.start({
      orders: orders.participant(),
      stock: stock.participant(),
      mail: mail.participant(),
    })
  const process = await start()
  return { installation, orders, stock, mail, start, process, coordinator: process.coordinator }
}

function codeOf(reason: unknown): string {
  return isAssentError(reason) ? reason.code : String(reason)
}

describe('when the forced write of a decision fails', () => {
  for (const kept of [true, false]) {
    const found = kept ? 'committed' : 'aborted'
    test(`its transaction is in doubt, and the next process finds it ${found}`, async (t) => {
      const shop = await open(t)
      shop.installation.logs.nextFailure = { error: full, kept }
      let id = ''
      const call = watch(
        shop.coordinator.transaction(both, ({ tx }) => {
          id = tx.id
        }),
      )
      const reason = await call.reason()
      assert.equal(codeOf(reason), 'ASSENT_OUTCOME_UNKNOWN')
      assert.equal(codeOf((reason as Error).cause), 'ASSENT_LOG_FAILED')
      assert.equal(await shop.coordinator.outcome(id), 'unknown')
      assert.equal(shop.coordinator.inDoubt()[0]?.state, 'in-doubt')
      await shop.installation.time.advance(120_000)
      assert.equal(shop.orders.prepared.size + shop.stock.prepared.size, 2, 'left as they are')
      shop.process.crash()
      const next = await shop.start()
      await shop.installation.time.advance(60_000)
      assert.equal(await next.coordinator.outcome(id), found)
      assert.equal(shop.orders.prepared.size + shop.stock.prepared.size, 0)
      assert.equal(shop.orders.count('commit'), kept ? 1 : 0)
    })
  }

  test('everything else that waited for the same write is in doubt with it', async (t) => {
    const { coordinator, installation, process } = await open(t)
    installation.logs.durability = 'when told'
    const calls = [1, 2, 3].map((value) => watch(coordinator.transaction(both, () => value)))
    await promisesSettled()
    installation.logs.nextFailure = { error: full, kept: false }
    process.log.writeOut()
    for (const call of calls) assert.equal(codeOf(await call.reason()), 'ASSENT_OUTCOME_UNKNOWN')
  })

  test('what has yet to ask for its record is rolled back: nothing of it was written', async (t) => {
    const { coordinator, installation, orders, stock } = await open(t)
    const [working, voting] = [new Gate(), new Gate<Vote>()]
    const worker = watch(coordinator.transaction(both, () => working.pass()))
    await promisesSettled()
    stock.on.prepare = () => voting.pass()
    const voter = watch(coordinator.transaction(both, () => 1))
    await promisesSettled()
    delete stock.on.prepare
    installation.logs.nextFailure = { error: full, kept: false }
    await watch(coordinator.transaction(both, () => 1)).reason()
    assert.equal(orders.prepared.size, 2)
    voting.open({ vote: 'yes', evidence: undefined })
    working.open()
    for (const call of [voter, worker]) {
      const reason = await call.reason()
      assert.equal(codeOf(reason), 'ASSENT_LOG_FAILED')
      assert.ok(isAssentError(reason) && reason.effect === 'none')
    }
    assert.equal(orders.prepared.size, 1, 'the one in doubt')
  })

  test('no transaction begins any more, and the error says why', async (t) => {
    const { coordinator, installation, orders } = await open(t)
    installation.logs.nextFailure = { error: full, kept: false }
    await watch(coordinator.transaction(both, () => 1)).reason()
    const begun = orders.count('begin')
    await assert.rejects(
      coordinator.transaction(['orders'], () => 1),
      {
        code: 'ASSENT_LOG_FAILED',
        message: /no space left/,
      },
    )
    assert.equal(orders.count('begin'), begun)
  })

  test('decisions that were durable before are delivered on', async (t) => {
    const { coordinator, installation, stock } = await open(t)
    const slow = new Gate<Acknowledgement>()
    stock.on.commit = () => slow.pass()
    const decided = watch(coordinator.transact(both, () => 1, { settleWaitMs: 10 }))
    await installation.time.advance(40)
    const { id = '' } = await decided.value()
    delete stock.on.commit
    installation.logs.nextFailure = { error: full, kept: false }
    await watch(coordinator.transaction(both, () => 1)).reason()
    await installation.time.advance(30_000)
    assert.equal(await coordinator.outcome(id), 'committed')
    assert.deepEqual(
      coordinator.inDoubt().map(({ state }) => state),
      ['in-doubt'],
    )
  })

  test('it is published once, with the cause', async (t) => {
    const { coordinator, installation, process } = await open(t)
    installation.logs.durability = 'when told'
    const calls = [1, 2].map((value) => watch(coordinator.transaction(both, () => value)))
    await promisesSettled()
    installation.logs.nextFailure = { error: full, kept: false }
    process.log.writeOut()
    for (const call of calls) await call.reason()
    const failed = process.events('log').filter(({ state }) => state === 'failed')
    assert.deepEqual(
      failed.map(({ cause }) => cause),
      [full],
    )
  })
})

describe('when another forced write fails', () => {
  test('of the mark of one-phase commits: rolled back, for nothing had been sent', async (t) => {
    const { coordinator, installation, stock } = await open(t)
    installation.logs.nextFailure = { error: full, kept: false }
    const reason = await watch(coordinator.transaction(['stock'], () => 1)).reason()
    assert.equal(codeOf(reason), 'ASSENT_LOG_FAILED')
    assert.equal(stock.count('commit-one-phase'), 0)
    assert.equal(stock.count('rollback'), 1)
  })

  for (const kept of [true, false]) {
    const then = kept ? 'held by the next process' : 'rolled back by the next process'
    test(`of the intent: in doubt, the last resource is not told, and it is ${then}`, async (t) => {
      const { coordinator, installation, process, start, orders, mail } = await open(t)
      installation.logs.nextFailure = { error: full, kept }
      const reason = await watch(coordinator.transaction(['orders', 'mail'], () => 1)).reason()
      assert.equal(codeOf(reason), 'ASSENT_OUTCOME_UNKNOWN')
      assert.equal(mail.count('commit-one-phase'), 0)
      assert.equal(orders.prepared.size, 1)
      process.crash()
      const next = await start()
      await installation.time.advance(60_000)
      assert.equal(orders.prepared.size, kept ? 1 : 0)
      assert.equal(next.coordinator.inDoubt()[0]?.state, kept ? 'held' : undefined)
    })
  }

  test('of the decision after the last resource has committed: in doubt, never rolled back', async (t) => {
    const { coordinator, installation, process, start, orders, mail } = await open(t)
    mail.on.commitOnePhase = async () => {
      installation.logs.nextFailure = { error: full, kept: false }
      return { result: 'committed' }
    }
    const reason = await watch(coordinator.transaction(['orders', 'mail'], () => 1)).reason()
    assert.equal(codeOf(reason), 'ASSENT_OUTCOME_UNKNOWN')
    assert.equal(orders.count('rollback'), 0)
    process.crash()
    const next = await start()
    await installation.time.advance(60_000)
    assert.equal(next.coordinator.inDoubt()[0]?.state, 'held', 'the intent alone presumes nothing')
    assert.equal(orders.count('rollback'), 0)
  })

  test('of a heuristic: it counts for nothing, and the transaction stays visible', async (t) => {
    const { coordinator, installation, stock } = await open(t)
    stock.on.commit = async () => {
      installation.logs.nextFailure = { error: full, kept: false }
      return { result: 'heuristic', kind: 'hazard', detail: 'x' }
    }
    const call = watch(coordinator.transaction(both, () => 1, { settleWaitMs: 10 }))
    await installation.time.advance(40)
    assert.equal(codeOf(await call.reason()), 'ASSENT_HEURISTIC')
    assert.equal(coordinator.inDoubt()[0]?.state, 'committing')
  })
})
