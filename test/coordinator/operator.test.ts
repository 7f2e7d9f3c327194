import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Acknowledgement } from '../../src/participants/contract.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

const signature = { by: 'Ada', reason: 'seen in the mail server’s log' }
const settings = { settleWaitMs: 50, backOffMaxMs: 400 }

async function open(t: test.TestContext) {
  const installation = new Installation(t)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const mail = new FakeDatabase('mail', { canPrepare: false })
  const start = () =>
    installation.start(
      {
        orders: orders.participant(),
        stock: stock.participant(),
        mail: mail.participant(),
      },
      settings,
    )
  return { installation, orders, stock, mail, start, process: await start() }
}

type Opened = Awaited<ReturnType<typeof open>>

/** A transaction whose last resource was told to commit, and whose answer was lost. */
async function held({ process, mail }: Opened): Promise<string> {
  mail.on.commitOnePhase = async () => ({ result: 'unknown', cause: new Error('reset') })
  const call = watch(process.coordinator.transaction(['orders', 'stock', 'mail'], () => 1))
  const reason = (await call.reason()) as { code: string; fields: { id: string } }
  assert.equal(reason.code, 'ASSENT_OUTCOME_UNKNOWN')
  return reason.fields.id
}

/** A committed transaction whose branch at stock does not acknowledge. */
async function undelivered({ process, installation, stock }: Opened): Promise<string> {
  stock.on.commit = async () => ({ result: 'unknown', cause: new Error('reset') })
  const call = watch(process.coordinator.transact(['orders', 'stock'], () => 1))
  await installation.time.advance(settings.settleWaitMs + 20)
  return (await call.value()).id ?? ''
}

function recordsOf({ installation }: Opened, type: string): object[] {
  return installation.logs.durableRecords().filter((record) => record.type === type)
}

describe('an operator settles a held transaction', () => {
  for (const decision of ['committed', 'aborted'] as const) {
    test(`as ${decision}: signed, durable, and delivered to every prepared branch`, async (t) => {
      const shop = await open(t)
      const id = await held(shop)
      const { coordinator } = shop.process
      assert.equal(coordinator.inDoubt()[0]?.state, 'held')
      assert.equal(await coordinator.outcome(id), 'unknown')
      assert.equal(shop.orders.prepared.size, 1)
      await coordinator.resolve(id, decision, signature)
      await promisesSettled()
      assert.equal(await coordinator.outcome(id), decision)
      assert.equal(shop.orders.prepared.size + shop.stock.prepared.size, 0)
      assert.deepEqual(coordinator.inDoubt(), [])
      const [act] = recordsOf(shop, 'resolved') as { by: string; reason: string; wallMs: number }[]
      assert.deepEqual([act?.by, act?.reason], [signature.by, signature.reason])
      assert.equal(act?.wallMs, shop.installation.time.wallMs())
    })
  }

  test('and a crash before the decision is recorded loses the act for nobody', async (t) => {
    const shop = await open(t)
    const id = await held(shop)
    shop.installation.logs.durability = 'when told'
    const resolving = watch(shop.process.coordinator.resolve(id, 'committed', signature))
    await promisesSettled()
    shop.process.log.writeOut() // the act
    await promisesSettled()
    shop.process.crash()
    assert.equal((await resolving.now()).state, 'pending')
    shop.installation.logs.durability = 'at once'
    const { coordinator } = await shop.start()
    await promisesSettled()
    assert.equal(await coordinator.outcome(id), 'committed')
    assert.equal(shop.orders.prepared.size, 0)
  })

  test('and of two who disagree at once only one is heard, and both are told', async (t) => {
    const shop = await open(t)
    const id = await held(shop)
    const { coordinator } = shop.process
    const first = watch(coordinator.resolve(id, 'committed', signature))
    const second = watch(coordinator.resolve(id, 'aborted', { ...signature, by: 'Bob' }))
    await first.value()
    assert.equal(((await second.reason()) as { code: string }).code, 'ASSENT_NOT_RESOLVABLE')
    assert.equal(await coordinator.outcome(id), 'committed')
  })

  test('and two who agree at once are both told so', async (t) => {
    const shop = await open(t)
    const id = await held(shop)
    const { coordinator } = shop.process
    const acts = ['Ada', 'Bob'].map((by) =>
      watch(coordinator.resolve(id, 'committed', { ...signature, by })),
    )
    for (const act of acts) await act.value()
  })

  test('but not when the log does not take it: it stays held', async (t) => {
    const shop = await open(t)
    const id = await held(shop)
    shop.installation.logs.nextFailure = { error: new Error('ENOSPC'), kept: false }
    const { coordinator } = shop.process
    const resolving = coordinator.resolve(id, 'committed', signature)
    await assert.rejects(resolving, { code: 'ASSENT_LOG_FAILED' })
    assert.equal(coordinator.inDoubt()[0]?.state, 'held')
    assert.equal(shop.orders.prepared.size, 1)
  })
})

describe('an operator is refused, and nothing is recorded,', () => {
  const refusals: Readonly<Record<string, (shop: Opened) => Promise<unknown>>> = {
    'for a transaction that nobody knows': ({ process }) =>
      process.coordinator.resolve('shop.0000000000000.1.zz', 'committed', signature),
    'for a transaction that is being delivered': async (shop) =>
      shop.process.coordinator.resolve(await undelivered(shop), 'aborted', signature),
    'for a branch that does not wait': async (shop) =>
      shop.process.coordinator.resolve(await undelivered(shop), 'committed', {
        ...signature,
        resource: 'orders',
      }),
    'for a branch of a held transaction': async (shop) =>
      shop.process.coordinator.resolve(await held(shop), 'committed', {
        ...signature,
        resource: 'orders',
      }),
    'who does not say who': async (shop) =>
      shop.process.coordinator.resolve(await held(shop), 'committed', { ...signature, by: ' ' }),
    'who gives no reason': async (shop) =>
      shop.process.coordinator.resolve(await held(shop), 'committed', { ...signature, reason: '' }),
    'whose reason is a book': async (shop) =>
      shop.process.coordinator.resolve(await held(shop), 'committed', {
        ...signature,
        reason: 'x'.repeat(2_001),
      }),
    'who decides what there is not': async (shop) =>
      shop.process.coordinator.resolve(await held(shop), 'commit' as 'committed', signature),
    'who forgets what has no heuristics': async (shop) =>
      shop.process.coordinator.forget(await undelivered(shop), signature),
    'who forgets what nobody knows': ({ process }) =>
      process.coordinator.forget('shop.0000000000000.1.zz', signature),
    'who forgets what is no id': ({ process }) => process.coordinator.forget('7', signature),
  }
  for (const [name, act] of Object.entries(refusals)) {
    test(name, async (t) => {
      const shop = await open(t)
      await assert.rejects(act(shop), { name: 'AssentError', effect: 'none' })
      const acts = ['resolved', 'forgotten', 'stranger-resolved']
      assert.deepEqual(
        acts.flatMap((type) => recordsOf(shop, type)),
        [],
      )
    })
  }
})

describe('an operator vouches for a branch that can not be reached any more', () => {
  test('as decided: the transaction settles, and nothing went wrong', async (t) => {
    const shop = await open(t)
    const id = await undelivered(shop)
    const { coordinator } = shop.process
    await coordinator.resolve(id, 'committed', { ...signature, resource: 'stock' })
    assert.equal(await coordinator.outcome(id), 'committed')
    assert.deepEqual(coordinator.inDoubt(), [])
    const calls = shop.stock.count('commit')
    shop.stock.prepared.clear() // what the operator did there
    await shop.installation.time.advance(5_000)
    assert.equal(shop.stock.count('commit'), calls, 'nobody asks it any more')
  })

  test('against the decision: a heuristic, listed until somebody has seen it', async (t) => {
    const shop = await open(t)
    const id = await undelivered(shop)
    const { coordinator } = shop.process
    await coordinator.resolve(id, 'aborted', { ...signature, resource: 'stock' })
    assert.equal(await coordinator.outcome(id), 'mixed')
    const [listed] = coordinator.inDoubt()
    assert.deepEqual([listed?.state, listed?.decision], ['heuristic', 'committed'])
    assert.match(listed?.heuristics[0]?.detail ?? '', /Ada/)
    await coordinator.forget(id, { by: 'Bob', reason: 'repaired by hand' })
    assert.deepEqual(coordinator.inDoubt(), [])
    assert.equal(await coordinator.outcome(id), 'mixed', 'forgotten is not undone')
    assert.equal(recordsOf(shop, 'forgotten').length, 1)
  })

  test('against the decision, and no crash can hide it', async (t) => {
    const shop = await open(t)
    const id = await undelivered(shop)
    const { logs } = shop.installation
    logs.durability = 'when told'
    const act = { ...signature, resource: 'stock' }
    watch(shop.process.coordinator.resolve(id, 'aborted', act))
    await promisesSettled()
    shop.process.log.writeOut() // one forced write, and the process dies
    shop.process.crash()
    logs.durability = 'at once'
    const { coordinator } = await shop.start()
    await promisesSettled()
    assert.equal(await coordinator.outcome(id), 'mixed')
    assert.equal(coordinator.inDoubt()[0]?.heuristics[0]?.kind, 'rolled-back')
  })

  test('but not when the log does not take it: nothing of it counts', async (t) => {
    const shop = await open(t)
    const id = await undelivered(shop)
    const { coordinator } = shop.process
    shop.installation.logs.nextFailure = { error: new Error('ENOSPC'), kept: false }
    const act = { ...signature, resource: 'stock' }
    await assert.rejects(coordinator.resolve(id, 'aborted', act), { code: 'ASSENT_LOG_FAILED' })
    assert.equal(await coordinator.outcome(id), 'committed')
    delete shop.stock.on.commit
    await shop.installation.time.advance(5_000)
    assert.equal(shop.stock.prepared.size, 0, 'what was decided before is delivered on')
  })

  test('too late, when it has just acknowledged: its own word stands', async (t) => {
    const shop = await open(t)
    const answer = new Gate<Acknowledgement>()
    const id = await undelivered(shop)
    shop.stock.on.commit = (branch) => {
      shop.stock.finish(branch, 'committed')
      return answer.pass()
    }
    await shop.installation.time.advance(500)
    shop.installation.logs.durability = 'when told'
    const act = { ...signature, resource: 'stock' }
    const resolving = watch(shop.process.coordinator.resolve(id, 'aborted', act))
    await promisesSettled()
    answer.open({ result: 'done' })
    await promisesSettled()
    shop.process.log.writeOut()
    await promisesSettled()
    shop.process.log.writeOut()
    const { state } = await resolving.now()
    const outcome = await shop.process.coordinator.outcome(id)
    // Either the operator was first, and it is listed; or the branch, and the operator is told so.
    assert.ok(
      (state === 'fulfilled' && outcome === 'mixed') ||
        (state === 'rejected' && outcome === 'committed'),
      `the act is ${state}, and the outcome ${outcome}`,
    )
  })
})
