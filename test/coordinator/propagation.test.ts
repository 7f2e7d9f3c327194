import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Coordinator } from '../../src/coordinator/coordinator.ts'
import type { Propagation } from '../../src/coordinator/options.ts'
import type { Participant } from '../../src/participants/contract.ts'
import { type FakeClient, FakeDatabase } from './doubles/fake-database.ts'
import { Gate } from './doubles/gate.ts'
import { Installation } from './doubles/installation.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { watch } from './doubles/watched.ts'

type Shop = Coordinator<{ stock: Participant<FakeClient> }>

async function open(t: test.TestContext): Promise<{ coordinator: Shop; stock: FakeDatabase }> {
  const stock = new FakeDatabase('stock')
  const { coordinator } = await new Installation(t).start({ stock: stock.participant() })
  return { coordinator, stock }
}

/** The id of the transaction that the call's work finds around it. */
function idInside(coordinator: Shop, propagation: Propagation): Promise<string | undefined> {
  const find = (): string | undefined => coordinator.current?.id
  return coordinator.transaction(find, { propagation })
}

describe('outside of any transaction', () => {
  for (const propagation of ['required', 'requires-new', 'nested'] as const) {
    test(`${propagation} begins one`, async (t) => {
      const { coordinator } = await open(t)
      assert.match((await idInside(coordinator, propagation)) ?? '', /^shop\./)
    })
  }

  for (const propagation of ['supports', 'never'] as const) {
    test(`${propagation} runs without one, and is given none`, async (t) => {
      const { coordinator, stock } = await open(t)
      const run = coordinator.transact.bind(coordinator) as unknown as (
        work: (tx: unknown) => unknown,
        options: object,
      ) => Promise<object>
      const given = await run((tx) => [tx, coordinator.current], { propagation })
      assert.deepEqual(given, {
        value: [undefined, undefined],
        id: undefined,
        protocol: 'none',
        settled: true,
      })
      assert.equal(stock.count('begin'), 0)
    })
  }

  test('mandatory is refused', async (t) => {
    const { coordinator } = await open(t)
    await assert.rejects(idInside(coordinator, 'mandatory'), {
      code: 'ASSENT_TRANSACTION_REQUIRED',
    })
  })
})

describe('inside a transaction', () => {
  for (const propagation of ['required', 'mandatory', 'supports', 'nested'] as const) {
    test(`${propagation} takes part in it`, async (t) => {
      const { coordinator } = await open(t)
      await coordinator.transaction(async (tx) => {
        assert.equal(await idInside(coordinator, propagation), tx.id)
      })
    })
  }

  test('requires-new begins its own, and the one around it goes on', async (t) => {
    const { coordinator, stock } = await open(t)
    const outer = coordinator.transaction(['stock'], async ({ tx, stock: client }) => {
      client.write('outer')
      const inner = await coordinator.transaction(
        ['stock'],
        ({ tx: own, stock: other }) => {
          other.write('inner')
          return own.id
        },
        { propagation: 'requires-new' },
      )
      assert.notEqual(inner, tx.id)
      assert.deepEqual(stock.rows, ['inner'], 'committed on its own')
      assert.equal(coordinator.current?.id, tx.id)
      throw new Error('the outer one fails')
    })
    await assert.rejects(outer, /the outer one fails/)
    assert.deepEqual(stock.rows, ['inner'])
  })

  test('never is refused, and names the transaction', async (t) => {
    const { coordinator } = await open(t)
    await coordinator.transaction(async (tx) => {
      await assert.rejects(idInside(coordinator, 'never'), {
        code: 'ASSENT_TRANSACTION_FORBIDDEN',
        fields: { id: tx.id },
      })
    })
  })

  test('detached work begins its own', async (t) => {
    const { coordinator } = await open(t)
    await coordinator.transaction(async (tx) => {
      const id = await coordinator.detached(() => idInside(coordinator, 'required'))
      assert.notEqual(id, tx.id)
    })
  })

  test('parallel transactions keep apart', async (t) => {
    const { coordinator } = await open(t)
    const gate = new Gate()
    const ids = ['a', 'b', 'c'].map(() =>
      coordinator.transaction(async (tx) => {
        await gate.pass()
        return [tx.id, coordinator.current?.id]
      }),
    )
    await promisesSettled()
    gate.open()
    for (const [own, current] of await Promise.all(ids)) assert.equal(own, current)
  })
})

describe('a failure in a call that takes part', () => {
  for (const propagation of ['required', 'mandatory', 'supports'] as const) {
    test(`dooms the transaction around it, even when it is caught (${propagation})`, async (t) => {
      const { coordinator, stock } = await open(t)
      const cause = new Error('inner')
      const call = coordinator.transaction(['stock'], async ({ stock: client }) => {
        client.write('outer')
        const inner = coordinator.transaction(
          (): void => {
            throw cause
          },
          { propagation },
        )
        await inner.catch(() => undefined)
        return 'as if nothing had happened'
      })
      await assert.rejects(call, { code: 'ASSENT_TRANSACTION_DOOMED', cause })
      assert.deepEqual(stock.rows, [])
      assert.equal(stock.count('prepare') + stock.count('commit-one-phase'), 0)
    })
  }

  test('reaches the outer caller unchanged when nobody catches it', async (t) => {
    const { coordinator } = await open(t)
    const cause = new Error('inner')
    const call = coordinator.transaction(() =>
      coordinator.transaction((): void => {
        throw cause
      }),
    )
    await assert.rejects(call, (error) => error === cause)
  })

  test('of a transaction of its own leaves the one around it alone', async (t) => {
    const { coordinator, stock } = await open(t)
    await coordinator.transaction(['stock'], async ({ stock: client }) => {
      client.write('outer')
      const inner = coordinator.transaction(
        (): void => {
          throw new Error('inner')
        },
        { propagation: 'requires-new' },
      )
      await assert.rejects(inner, /inner/)
    })
    assert.deepEqual(stock.rows, ['outer'])
  })
})

describe('after its transaction is over, work that was left behind', () => {
  for (const propagation of ['required', 'supports', 'nested', 'mandatory'] as const) {
    test(`is refused by ${propagation}: it would run outside without knowing`, async (t) => {
      const { coordinator, stock } = await open(t)
      const gate = new Gate()
      let left: ReturnType<typeof watch<unknown>> | undefined
      await coordinator.transaction(() => {
        const late = async (): Promise<unknown> => {
          await gate.pass()
          return idInside(coordinator, propagation)
        }
        left = watch(late())
      })
      gate.open()
      const reason = await left?.reason()
      const codes = ['ASSENT_TRANSACTION_OVER', 'ASSENT_TRANSACTION_REQUIRED']
      assert.ok(codes.includes((reason as { code: string }).code), String(reason))
      assert.equal(stock.count('begin'), 0)
    })
  }

  test('may begin its own with requires-new', async (t) => {
    const { coordinator } = await open(t)
    const gate = new Gate()
    let left: ReturnType<typeof watch<unknown>> | undefined
    const outer = await coordinator.transaction((tx) => {
      const late = async (): Promise<unknown> => {
        await gate.pass()
        return idInside(coordinator, 'requires-new')
      }
      left = watch(late())
      return tx.id
    })
    gate.open()
    assert.notEqual(await left?.value(), outer)
  })
})
