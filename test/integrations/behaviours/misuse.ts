/** Every library, every database: what must not be is refused, and the refusal can be found. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isAssentError } from '../../../src/index.ts'
import { until } from '../../harness/until.ts'
import { type Items, type Library, messagesOf, thrownBy } from '../library.ts'
import { codeUnder } from '../pages/errors.ts'
import type { Shop } from '../shop.ts'

const nothing = { orders: [], stock: [] }

export function misuse<Client>(library: Library<Client>, shop: () => Shop<Client>): void {
  const bind = library.items.bind(library)

  const inBoth = <Value>(work: (items: Items) => Promise<Value>): Promise<Value> =>
    shop().coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
      await bind(stock).add(1, 'oak')
      return await work(bind(orders))
    })

  test('work that was sent and not awaited is named, and the transaction rolls back', async () => {
    const { orders } = shop()
    await orders.run(`insert into item values (1, 'locked')`)
    const letGo = await orders.lock(1)
    let late: Promise<unknown> | undefined
    const thrown = await thrownBy(
      inBoth(async (items) => {
        late = thrownBy(items.rename(1, 'late'))
        await until('the statement waits for the lock', () => orders.isUpdating())
      }),
    )
    await letGo()
    assert.ok(isAssentError(thrown, 'ASSENT_WORK_NOT_AWAITED'), String(thrown))
    assert.match(thrown.fields.pending.join(), /^orders: not awaited: update \S*\bitem\S* set/i)
    await late
    assert.deepEqual(await shop().seen(), { orders: ['locked'], stock: [] })
  })

  test('work that was begun and not even sent is refused by name', async () => {
    let late: Promise<unknown> | undefined
    const ended = inBoth(async (items) => {
      late = items.add(1, 'late')
      late.catch(() => undefined)
    })
    const [result] = await Promise.allSettled([ended])
    const told = await thrownBy(late ?? Promise.resolve())
    if (result.status === 'rejected') {
      assert.ok(isAssentError(result.reason, 'ASSENT_WORK_NOT_AWAITED'), String(result.reason))
      // What was on its way when the work returned: perhaps only what the library sends before it.
      assert.match(result.reason.message, /: not awaited: (?:insert into|select version|begin)/i)
    } else {
      assert.equal(codeUnder(told), 'ASSENT_TRANSACTION_OVER')
      assert.match(String(told), /\(refused: (?:insert into|select version|begin)/i)
    }
    assert.deepEqual((await shop().seen()).orders, [])
  })

  test('use of its object after the end is refused', async () => {
    const kept = await inBoth(async (items) => items)
    assert.equal(codeUnder(await thrownBy(kept.add(1, 'late'))), 'ASSENT_TRANSACTION_OVER')
    const began = await thrownBy(kept.transaction(async () => undefined))
    assert.equal(codeUnder(began), 'ASSENT_TRANSACTION_OVER')
    assert.deepEqual((await shop().seen()).orders, [])
  })

  test('statements that would break the branch are refused, and do not doom it', async () => {
    await inBoth(async (items) => {
      await items.add(1, 'before')
      for (const { text, because } of shop().dialect.refused) {
        const thrown = await thrownBy(items.send(text))
        assert.equal(codeUnder(thrown), 'ASSENT_STATEMENT_REFUSED', `${text}: ${String(thrown)}`)
        assert.match(messagesOf(thrown), because)
      }
      await items.add(2, 'after')
    })
    assert.deepEqual(await shop().seen(), { orders: ['before', 'after'], stock: ['oak'] })
  })

  test('a setting of the session is gone with the branch', async () => {
    const { coordinator, dialect } = shop()
    const { set, tell, changed } = dialect.session
    const keep = (id: number): string => `insert into item values (${id}, ${tell})`
    await inBoth(async (items) => {
      await items.send(set)
      await items.send(keep(1))
    })
    assert.deepEqual((await shop().seen()).orders, [changed])
    // More at once than the pool has connections, so that none of them is passed by.
    const next = [2, 3, 4, 5, 6].map((id) =>
      coordinator.transaction(['orders', 'stock'], ({ orders }) => bind(orders).send(keep(id))),
    )
    await Promise.all(next)
    const told = (await shop().seen()).orders.slice(1)
    assert.equal(told.length, 5)
    assert.ok(!told.includes(changed), told.join())
  })

  test('work is run again after a conflict, however the library wraps the error', async () => {
    let attempts = 0
    const { coordinator } = shop()
    await coordinator.transaction(
      ['orders', 'stock'],
      async ({ orders }) => {
        attempts += 1
        const items = bind(orders)
        await items.add(1, `attempt ${attempts}`)
        if (attempts === 1) await items.send(shop().dialect.conflict)
      },
      { retry: { attempts: 3 } },
    )
    assert.deepEqual(await shop().seen(), { ...nothing, orders: ['attempt 2'] })
  })
}
