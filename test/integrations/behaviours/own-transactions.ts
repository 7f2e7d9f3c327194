/** Every library, every database: its own transactions are parts of the branch and can't end it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isAssentError } from '../../../src/index.ts'
import { type Items, type Library, messagesOf, thrownBy } from '../library.ts'
import { codeUnder } from '../pages/errors.ts'
import type { Shop } from '../shop.ts'

const nothing = { orders: [], stock: [] }
const changedMind = new Error('changed my mind')

/** A transaction of the library's own that is rolled back by a throw. */
async function rolledBack(items: Items, work: (own: Items) => Promise<void>): Promise<void> {
  const thrown = await thrownBy(
    items.transaction(async (own) => {
      await work(own)
      throw changedMind
    }),
  )
  assert.equal(thrown, changedMind)
}

export function ownTransactions<Client>(library: Library<Client>, shop: () => Shop<Client>): void {
  const bind = library.items.bind(library)

  /** Runs the work with the library in both branches, the second of which only gets a row. */
  const inBoth = (work: (items: Items) => Promise<void>): Promise<void> =>
    shop().coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
      await bind(stock).add(1, 'oak')
      await work(bind(orders))
      assert.deepEqual(await shop().seen(), nothing)
    })

  test('its own transaction that commits is kept, and does not end the branch', async () => {
    await inBoth(async (items) => {
      await items.add(1, 'before')
      await items.transaction((own) => own.add(2, 'inside').then(() => undefined))
      assert.deepEqual(await shop().seen(), nothing)
      await items.add(3, 'after')
    })
    const { orders, stock } = await shop().seen()
    assert.deepEqual([orders, stock], [['before', 'inside', 'after'], ['oak']])
  })

  test('its own transaction that committed is lost with the branch', async () => {
    const thrown = await thrownBy(
      inBoth(async (items) => {
        await items.transaction((own) => own.add(1, 'inside').then(() => undefined))
        throw changedMind
      }),
    )
    assert.equal(thrown, changedMind)
    assert.deepEqual(await shop().seen(), nothing)
  })

  test('its own transaction that rolls back undoes its work and nothing else', async () => {
    await inBoth(async (items) => {
      await items.add(1, 'before')
      await rolledBack(items, async (own) => {
        await own.rename(1, 'renamed')
        await own.add(2, 'inside')
      })
      assert.deepEqual(await items.names(), ['before'])
      await items.add(3, 'after')
    })
    assert.deepEqual((await shop().seen()).orders, ['before', 'after'])
  })

  test('runs its own transactions one after the other', async () => {
    await inBoth(async (items) => {
      await items.transaction((own) => own.add(1, 'first').then(() => undefined))
      await rolledBack(items, (own) => own.add(2, 'second').then(() => undefined))
      await items.transaction((own) => own.add(3, 'third').then(() => undefined))
    })
    assert.deepEqual((await shop().seen()).orders, ['first', 'third'])
  })

  test('runs its own transaction within its own transaction, both ways out', async () => {
    await inBoth(async (items) => {
      await items.transaction(async (outer) => {
        await outer.add(1, 'outer')
        await outer.transaction((inner) => inner.add(2, 'inner').then(() => undefined))
        await rolledBack(outer, (inner) => inner.add(3, 'undone').then(() => undefined))
        await outer.add(4, 'outer again')
      })
      await rolledBack(items, async (outer) => {
        await outer.transaction((inner) => inner.add(5, 'lost').then(() => undefined))
      })
    })
    assert.deepEqual((await shop().seen()).orders, ['outer', 'inner', 'outer again'])
  })

  test('what is sent beside its open transaction belongs to it, unless it waits', async () => {
    await inBoth(async (items) => {
      await items.add(1, 'before')
      let beside: Promise<unknown> | undefined
      await rolledBack(items, async (own) => {
        await own.add(2, 'inside')
        beside = items.add(3, 'beside')
        if (library.secondTransaction !== 'waits') await beside
      })
      await beside
    })
    const kept = library.secondTransaction === 'waits' ? ['before', 'beside'] : ['before']
    assert.deepEqual((await shop().seen()).orders, kept)
  })

  test(`two of its own transactions at once (the second: ${library.secondTransaction})`, async () => {
    let told: PromiseSettledResult<unknown>[] = []
    const ended = inBoth(async (items) => {
      const add = (id: number) => (own: Items) => own.add(id, `order ${id}`).then(() => undefined)
      told = await Promise.allSettled([items.transaction(add(1)), items.transaction(add(2))])
    })
    if (library.secondTransaction !== 'refused') {
      await ended
      assert.deepEqual((await shop().seen()).orders, ['order 1', 'order 2'])
      return
    }
    const thrown = await thrownBy(ended)
    assert.ok(isAssentError(thrown, 'ASSENT_ABORTED_BY_VOTE'), String(thrown))
    assert.match(String(thrown.cause), /one is open at a time/)
    const codes = told.map((each) => each.status === 'rejected' && codeUnder(each.reason))
    assert.ok(codes.includes('ASSENT_STATEMENT_REFUSED'), String(codes))
    assert.deepEqual(await shop().seen(), nothing)
  })

  test('its own transaction may ask for the isolation of the branch, and for no more', async () => {
    const inside = (items: Items): Promise<unknown> =>
      items.serializable?.((own) => own.add(1, 'inside').then(() => undefined)) ??
      items.add(1, 'inside')
    const { coordinator } = shop()
    await coordinator.transaction(
      ['orders', 'stock'],
      ({ orders }) => inside(bind(orders)).then(() => undefined),
      { isolation: { orders: 'serializable' } },
    )
    assert.deepEqual((await shop().seen()).orders, ['inside'])
    await shop().clear()
    await coordinator
      .transaction(['orders', 'stock'], async ({ orders }) => {
        const items = bind(orders)
        if (items.serializable === undefined) return
        const thrown = await thrownBy(inside(items))
        assert.equal(codeUnder(thrown), 'ASSENT_STATEMENT_REFUSED')
        assert.match(messagesOf(thrown), /the options? `isolation`/)
      })
      // Some libraries leave the transaction open that they had begun.
      .catch((error) => assert.ok(isAssentError(error, 'ASSENT_WORK_NOT_AWAITED'), String(error)))
    assert.deepEqual(await shop().seen(), nothing)
  })

  test('a failure in its own transaction is undone with it', async () => {
    await inBoth(async (items) => {
      await items.add(1, 'before')
      const thrown = await thrownBy(
        items.transaction(async (own) => {
          await own.add(2, 'undone')
          await own.add(1, 'twice')
        }),
      )
      assert.match(String(codeUnder(thrown)), shop().dialect.uniqueViolation)
      await items.add(3, 'after')
    })
    assert.deepEqual((await shop().seen()).orders, ['before', 'after'])
  })

  test('a failure outside of it dooms the branch, even when it is caught', async () => {
    const thrown = await thrownBy(
      inBoth(async (items) => {
        await items.add(1, 'before')
        const failure = await thrownBy(items.send(`insert into item values (1, 'twice')`))
        assert.match(String(codeUnder(failure)), shop().dialect.uniqueViolation)
        const next = await thrownBy(items.add(2, 'after'))
        assert.equal(codeUnder(next), 'ASSENT_TRANSACTION_DOOMED')
      }),
    )
    assert.ok(isAssentError(thrown, 'ASSENT_ABORTED_BY_VOTE'), String(thrown))
    assert.match(String(codeUnder(thrown.cause)), shop().dialect.uniqueViolation)
    assert.deepEqual(await shop().seen(), nothing)
  })
}
