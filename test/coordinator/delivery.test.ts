import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { backOffMs } from '../../src/coordinator/back-off.ts'
import type { Acknowledgement } from '../../src/participants/contract.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

const settings = {
  deliveryTimeoutMs: 1_000,
  backOffFirstMs: 100,
  backOffMaxMs: 1_600,
  settleWaitMs: 50,
}

async function open(t: test.TestContext) {
  const installation = new Installation(t)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const process = await installation.start(
    { orders: orders.participant(), stock: stock.participant() },
    settings,
  )
  const { time } = installation
  /** Begins a transaction over both, and answers once its caller has its value. */
  const committed = async (): Promise<void> => {
    const call = watch(process.coordinator.transaction(['orders', 'stock'], () => 1))
    await time.advance(settings.settleWaitMs + 20)
    await call.value()
  }
  const { coordinator, log } = process
  return { coordinator, log, installation, time, orders, stock, committed }
}

const lost = (): Promise<Acknowledgement> =>
  Promise.resolve({ result: 'unknown', cause: new Error('connection reset') })

describe('a decision that is not acknowledged', () => {
  test('is delivered again after pauses that double up to a cap, for ever', async (t) => {
    const { time, stock, committed } = await open(t)
    const attemptsMs: number[] = []
    stock.on.commit = () => {
      attemptsMs.push(time.monotonicMs())
      return lost()
    }
    await committed()
    await time.advance(60_000)
    const pausesMs = attemptsMs.slice(1).map((at, index) => at - (attemptsMs[index] ?? 0))
    // The fraction is 0, so every pause is half of its most; a deadline may be up to 16 ms late.
    const expectedMs = [50, 100, 200, 400, 800, 800, 800]
    expectedMs.forEach((least, index) => {
      const pauseMs = pausesMs[index] ?? 0
      assert.ok(pauseMs >= least && pauseMs <= least + 32, `pause ${index}: ${pauseMs} ms`)
    })
    assert.ok(attemptsMs.length > 60, 'it never gives up')
    delete stock.on.commit
    await time.advance(1_000)
    assert.equal(stock.prepared.size, 0)
  })

  test('is delivered again after silence, and a late proof still counts', async (t) => {
    const { coordinator, time, stock, committed } = await open(t)
    const silent = new Gate<Acknowledgement>()
    stock.on.commit = (id) => {
      stock.finish(id, 'committed')
      return silent.pass()
    }
    await committed()
    await time.advance(settings.deliveryTimeoutMs + 100)
    assert.equal(stock.count('commit'), 2, 'asked again while the first call still hangs')
    silent.openOnce({ result: 'done' })
    await promisesSettled()
    assert.equal(coordinator.transactions().length, 0)
    const calls = stock.count('commit')
    await time.advance(60_000)
    assert.equal(stock.count('commit'), calls, 'and nobody asks any more')
  })

  test('is delivered again when the participant throws, also at once', async (t) => {
    const { coordinator, time, stock, committed } = await open(t)
    let calls = 0
    stock.on.commit = () => {
      calls += 1
      if (calls === 1) throw new Error('at once')
      if (calls === 2) return Promise.reject(new Error('later'))
      return Promise.resolve({ result: 'done' })
    }
    await committed()
    await time.advance(1_000)
    assert.equal(calls, 3)
    assert.equal(coordinator.transactions().length, 0)
  })

  test('waits visibly: what it waits for, since when, how often it was tried', async (t) => {
    const { coordinator, time, stock, committed } = await open(t)
    stock.on.commit = lost
    await committed()
    await time.advance(3_000)
    const [waiting] = coordinator.inDoubt()
    assert.equal(waiting?.state, 'committing')
    assert.equal(waiting?.decision, 'committed')
    assert.equal(waiting?.sinceMs, 1_700_000_000_000)
    const branches = waiting?.branches.map(({ resource, state, problem }) => ({
      resource,
      state,
      problem,
    }))
    assert.deepEqual(branches, [
      { resource: 'orders', state: 'ended', problem: '' },
      { resource: 'stock', state: 'committing', problem: 'connection reset' },
    ])
    assert.ok((waiting?.branches[1]?.attempts ?? 0) > 3)
  })

  test('delays neither the other branch nor another transaction', async (t) => {
    const { coordinator, time, orders, stock, committed } = await open(t)
    stock.on.commit = lost
    await committed()
    assert.equal(orders.prepared.size, 0)
    delete stock.on.commit
    const call = watch(coordinator.transaction(['orders', 'stock'], () => 2))
    assert.equal(await call.value(), 2)
    assert.equal(coordinator.transactions().length, 1, 'the first still waits for its pause')
    await time.advance(1_000)
    assert.equal(coordinator.transactions().length, 0)
  })
})

test('an abort is delivered with the same patience', async (t) => {
  const { coordinator, time, stock } = await open(t)
  stock.on.rollback = lost
  const cause = new Error('the work fails')
  const call = watch(coordinator.transaction(['orders', 'stock'], () => Promise.reject(cause)))
  await time.advance(100)
  assert.equal(await call.reason(), cause)
  assert.equal(coordinator.transactions()[0]?.state, 'rolling-back')
  delete stock.on.rollback
  await time.advance(2_000)
  assert.equal(coordinator.transactions().length, 0)
})

describe('a branch that ended against the decision', () => {
  const heuristic: Acknowledgement = {
    result: 'heuristic',
    kind: 'rolled-back',
    detail: 'an administrator rolled it back',
  }

  test('is recorded durably, told to the caller, and listed until it is forgotten', async (t) => {
    const { coordinator, installation, stock } = await open(t)
    stock.on.commit = async () => heuristic
    const call = watch(coordinator.transaction(['orders', 'stock'], () => 1))
    const reason = (await call.reason()) as { code: string; effect: string; fields: unknown }
    assert.equal(reason.code, 'ASSENT_HEURISTIC')
    assert.equal(reason.effect, 'mixed')
    const id = (reason.fields as { id: string }).id
    assert.deepEqual(reason.fields, {
      id,
      decision: 'committed',
      heuristics: [{ resource: 'stock', kind: 'rolled-back', detail: heuristic.detail }],
    })
    const kinds = installation.logs.durableRecords().map(({ type }) => type)
    assert.deepEqual(kinds, ['resource', 'resource', 'decided', 'heuristic'])
    assert.equal(await coordinator.outcome(id), 'mixed')
    assert.equal(coordinator.inDoubt()[0]?.state, 'heuristic')
  })

  test('counts only once it is recorded: until then the transaction is not settled', async (t) => {
    const { coordinator, installation, log, stock } = await open(t)
    stock.on.commit = async () => heuristic
    const call = watch(coordinator.transaction(['orders', 'stock'], () => 1))
    installation.logs.durability = 'when told'
    await promisesSettled()
    log.writeOut() // the decision
    await promisesSettled()
    assert.equal(coordinator.transactions()[0]?.state, 'committing')
    log.writeOut() // the heuristic
    assert.equal(((await call.reason()) as { code: string }).code, 'ASSENT_HEURISTIC')
  })

  test('said so too late: another attempt had proved that it ended as decided', async (t) => {
    const { coordinator, installation, time, stock, committed } = await open(t)
    const answers = [new Gate<Acknowledgement>(), new Gate<Acknowledgement>()]
    let attempt = -1
    stock.on.commit = (id) => {
      attempt += 1
      stock.finish(id, 'committed')
      return answers[Math.min(attempt, 1)]!.pass()
    }
    await committed()
    await time.advance(settings.deliveryTimeoutMs + 100)
    answers[0]?.open({ result: 'done' })
    await promisesSettled()
    answers[1]?.open(heuristic)
    await promisesSettled()
    const types = installation.logs.durableRecords().map(({ type }) => type)
    assert.ok(!types.includes('heuristic'), String(types))
    assert.deepEqual(coordinator.inDoubt(), [])
  })

  test('under a presumed abort makes the abort a record, so that it can stand under it', async (t) => {
    const { coordinator, installation, stock } = await open(t)
    stock.on.rollback = async () => ({ ...heuristic, kind: 'committed' })
    const call = watch(coordinator.transaction(['orders', 'stock'], () => Promise.reject('x')))
    const reason = (await call.reason()) as { code: string; fields: { id: string } }
    assert.equal(reason.code, 'ASSENT_HEURISTIC')
    const types = installation.logs.durableRecords().map(({ type }) => type)
    assert.deepEqual(types.slice(-2), ['decided', 'heuristic'])
    assert.equal(await coordinator.outcome(reason.fields.id), 'mixed')
  })
})

test('the pause before the next attempt doubles, has a cap, and keeps half of it whatever the jitter', () => {
  const limits = { firstMs: 50, maxMs: 15_000 }
  const pause = (attempts: number, fraction: number): number =>
    backOffMs(attempts, limits, { fraction: () => fraction, fill: () => undefined })
  assert.deepEqual(
    [1, 2, 3, 4].map((attempts) => pause(attempts, 0)),
    [25, 50, 100, 200],
  )
  assert.ok(pause(3, 0.999) > 199 && pause(3, 0.999) < 200)
  for (const attempts of [10, 100, 10_000, 1e9]) assert.equal(pause(attempts, 0), 7_500)
})
