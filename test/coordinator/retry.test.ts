import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { isConflict } from '../../src/coordinator/retry.ts'
import { AssentError } from '../../src/core/errors.ts'
import type { TransactionId } from '../../src/core/ids.ts'
import { FakeDatabase } from './doubles/fake-database.ts'
import { Installation } from './doubles/installation.ts'
import { watch } from './doubles/watched.ts'

async function open(t: test.TestContext) {
  const installation = new Installation(t)
  const orders = new FakeDatabase('orders')
  const stock = new FakeDatabase('stock')
  const { coordinator } = await installation.start({
    orders: orders.participant(),
    stock: stock.participant(),
  })
  return { installation, orders, stock, coordinator }
}

function conflict(code: string): Error {
  return Object.assign(new Error('could not serialize access'), { code })
}

const retry = { attempts: 3 }

describe('with retry, work is run again', () => {
  const conflicts: Readonly<Record<string, unknown>> = {
    'after a serialization failure': conflict('40001'),
    'after a deadlock of PostgreSQL': conflict('40P01'),
    'after a deadlock of MariaDB': Object.assign(new Error('Deadlock'), { errno: 1213 }),
    'after an error that a conflict caused': new Error('mapped', { cause: conflict('40001') }),
  }
  for (const [name, thrown] of Object.entries(conflicts)) {
    test(`${name}, as a new transaction`, async (t) => {
      const { coordinator, installation, stock } = await open(t)
      const ids: string[] = []
      const call = watch(
        coordinator.transaction(
          ['orders', 'stock'],
          ({ tx, stock: client }) => {
            ids.push(tx.id)
            client.write(`attempt ${ids.length}`)
            if (ids.length < 3) throw thrown
            return 'done'
          },
          { retry },
        ),
      )
      await installation.time.advance(1_000)
      assert.equal(await call.value(), 'done')
      assert.equal(new Set(ids).size, 3)
      assert.deepEqual(stock.rows, ['attempt 3'])
    })
  }

  test('after a conflict that ended a branch, whatever the work makes of it', async (t) => {
    const { coordinator, installation } = await open(t)
    let attempts = 0
    const call = watch(
      coordinator.transaction(
        ['orders', 'stock'],
        ({ stock: client }) => {
          attempts += 1
          if (attempts === 3) return 'done'
          client.fail(conflict('40001'))
          throw new Error('a library says that the query failed')
        },
        { retry },
      ),
    )
    await installation.time.advance(1_000)
    assert.equal(await call.value(), 'done')
    assert.equal(attempts, 3)
  })

  test('after a vote that a conflict caused', async (t) => {
    const { coordinator, installation, stock } = await open(t)
    let asked = 0
    stock.on.prepare = async () => {
      asked += 1
      if (asked === 1) return { vote: 'no', cause: conflict('40001') }
      return { vote: 'yes', evidence: undefined }
    }
    const call = watch(coordinator.transaction(['orders', 'stock'], () => 'done', { retry }))
    await installation.time.advance(1_000)
    assert.equal(await call.value(), 'done')
  })

  test('after a one-phase commit that a conflict refused', async (t) => {
    const { coordinator, installation, stock } = await open(t)
    let asked = 0
    stock.on.commitOnePhase = async () => {
      asked += 1
      if (asked === 1) return { result: 'aborted', cause: conflict('40001') }
      return { result: 'committed' }
    }
    const call = watch(coordinator.transaction(['stock'], () => 'done', { retry }))
    await installation.time.advance(1_000)
    assert.equal(await call.value(), 'done')
  })

  test('no sooner than after a pause', async (t) => {
    const { coordinator, installation } = await open(t)
    let attempts = 0
    const call = watch(
      coordinator.transaction(
        () => {
          attempts += 1
          throw conflict('40001')
        },
        { retry },
      ),
    )
    await installation.time.advance(0)
    assert.equal(attempts, 1)
    await installation.time.advance(1_000)
    assert.equal(attempts, 3)
    assert.equal(((await call.reason()) as { code: string }).code, '40001')
  })
})

describe('work is run once', () => {
  test('without retry', async (t) => {
    const { coordinator } = await open(t)
    let attempts = 0
    const call = coordinator.transaction(() => {
      attempts += 1
      throw conflict('40001')
    })
    await assert.rejects(call, { code: '40001' })
    assert.equal(attempts, 1)
  })

  test('when it fails otherwise', async (t) => {
    const { coordinator } = await open(t)
    let attempts = 0
    const call = coordinator.transaction(
      () => {
        attempts += 1
        throw conflict('23505')
      },
      { retry },
    )
    await assert.rejects(call, { code: '23505' })
    assert.equal(attempts, 1)
  })

  test('when a branch was ended by something else', async (t) => {
    const { coordinator, installation, stock } = await open(t)
    const call = watch(
      coordinator.transaction(
        ['stock'],
        ({ stock: client }) => {
          client.fail(conflict('23505'))
          throw new Error('a library says that the query failed')
        },
        { retry },
      ),
    )
    await installation.time.advance(1_000)
    assert.match(String(await call.reason()), /a library says/)
    assert.equal(stock.count('begin'), 1)
  })

  test('when the caller cancels, though a conflict had ended a branch', async (t) => {
    const { coordinator, installation, stock } = await open(t)
    const cancelling = new AbortController()
    const call = watch(
      coordinator.transaction(
        ['stock'],
        ({ stock: client }) => {
          client.fail(conflict('40001'))
          cancelling.abort()
          return new Promise<never>(() => undefined)
        },
        { retry, signal: cancelling.signal },
      ),
    )
    await installation.time.advance(1_000)
    assert.equal(((await call.reason()) as { code: string }).code, 'ASSENT_CANCELLED')
    assert.equal(stock.count('begin'), 1)
  })

  test('when a conflict may have left something behind', async (t) => {
    const { coordinator, installation, stock } = await open(t)
    stock.on.commitOnePhase = async () => ({ result: 'unknown', cause: conflict('40001') })
    const call = watch(coordinator.transaction(['stock'], () => 1, { retry }))
    await installation.time.advance(1_000)
    assert.equal(((await call.reason()) as { code: string }).code, 'ASSENT_OUTCOME_UNKNOWN')
    assert.equal(stock.count('begin'), 1)
  })

  test('inside another transaction: its conflict has spoilt the whole of it', async (t) => {
    const { coordinator, installation } = await open(t)
    let inner = 0
    let outer = 0
    const call = watch(
      coordinator.transaction(
        async () => {
          outer += 1
          await coordinator.transaction(
            () => {
              inner += 1
              throw conflict('40001')
            },
            { retry },
          )
        },
        { retry: { attempts: 2 } },
      ),
    )
    await installation.time.advance(1_000)
    assert.equal((await call.now()).state, 'rejected')
    assert.deepEqual([outer, inner], [2, 2])
  })
})

test('a conflict is found through causes and votes, but not in what may have happened', () => {
  const id = 'shop.x.1.1' as TransactionId
  const votes = [
    { resource: 'orders', vote: 'yes', cause: undefined },
    { resource: 'stock', vote: 'no', cause: new Error('x', { cause: conflict('40P01') }) },
  ] as const
  assert.ok(isConflict(new AssentError('ASSENT_ABORTED_BY_VOTE', '', { id, votes })))
  const doomed = new AssentError(
    'ASSENT_TRANSACTION_DOOMED',
    '',
    { id },
    { cause: conflict('40001') },
  )
  assert.ok(isConflict(doomed))
  const unknown = { cause: conflict('40001') }
  assert.ok(!isConflict(new AssentError('ASSENT_OUTCOME_UNKNOWN', '', { id }, unknown)))
  const circular: { cause?: unknown } = {}
  circular.cause = circular
  for (const other of [circular, undefined, null, '40001', 40001, new Error('40001')]) {
    assert.ok(!isConflict(other))
  }
})
