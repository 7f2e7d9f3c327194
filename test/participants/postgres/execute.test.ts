/** Transactions without a callback, over two real servers. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { Pool } from 'pg'

import { custom, isAssentError, openCoordinator } from '../../../src/index.ts'
import { postgres } from '../../../src/postgres.ts'
import { postgresSuite } from '../../harness/postgres.ts'
import { preparedIn } from '../../harness/postgres-conditions.ts'

const take = 'update account set cents = cents - $1 where owner = $2 returning cents'
const give = 'update account set cents = cents + $1 where owner = $2 returning cents'

await postgresSuite('execute', (servers) => {
  const pools: Record<'left' | 'right', Pool> = {} as never
  let directory: string
  let bank: Awaited<ReturnType<typeof open>>

  const open = () =>
    openCoordinator({
      name: 'bank',
      log: join(directory, 'transactions'),
      controlSocket: false,
      resources: {
        left: postgres(pools.left),
        right: postgres(pools.right),
        mail: custom({ prepare: () => true, commit: () => undefined, rollback: () => undefined }),
      },
    })

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'assent-execute-'))
    for (const side of ['left', 'right'] as const) {
      pools[side] = servers.pool((await servers.shared(side)).url)
      await pools[side].query(
        'create table account (owner text primary key, cents int check (cents >= 0))',
      )
    }
    bank = await open()
  })

  after(async () => {
    await bank.close()
    await rm(directory, { recursive: true, force: true })
  })

  beforeEach(async () => {
    for (const pool of Object.values(pools)) {
      await pool.query(`truncate account; insert into account values ('ada', 100), ('bob', 100)`)
    }
  })

  const cents = async (side: 'left' | 'right', owner: string): Promise<number> =>
    (await pools[side].query('select cents from account where owner = $1', [owner])).rows[0].cents

  const checkUntouched = async (): Promise<void> => {
    assert.deepEqual([await cents('left', 'ada'), await cents('right', 'ada')], [100, 100])
    for (const pool of Object.values(pools)) {
      assert.deepEqual(await preparedIn(pool), [])
      assert.equal(pool.idleCount, pool.totalCount, 'every connection is back')
    }
  }

  test('runs at every resource, and answers as it was asked', async () => {
    const { left, right } = await bank.execute({
      left: [take, [30, 'ada']],
      right: [
        [give, [10, 'ada']],
        [give, [20, 'bob']],
        ['select count(*)::int as count from account'],
      ],
    })
    assert.deepEqual([left.command, left.rowCount, left.rows], ['UPDATE', 1, [{ cents: 70 }]])
    assert.deepEqual(
      right.map(({ rows }) => rows),
      [[{ cents: 110 }], [{ cents: 120 }], [{ count: 2 }]],
    )
    assert.deepEqual([await cents('left', 'ada'), await cents('right', 'bob')], [70, 120])
  })

  test('a statement that fails rolls all back, and its error arrives unchanged', async () => {
    const sent = bank.execute({ left: [take, [500, 'ada']], right: [give, [500, 'ada']] })
    await assert.rejects(sent, (error: Error & { code?: string; constraint?: string }) => {
      assert.equal(error.code, '23514')
      assert.equal(error.constraint, 'account_cents_check')
      return true
    })
    await checkUntouched()
  })

  test('at a single resource it commits in one phase', async () => {
    const { left } = await bank.execute({ left: [take, [1, 'ada']] })
    assert.deepEqual(left.rows, [{ cents: 99 }])
    const failing = bank.execute({ left: [['select 1'], [take, [500, 'ada']]] })
    await assert.rejects(failing, { code: '23514' })
    assert.equal(await cents('left', 'ada'), 99)
  })

  test('reads alone need no prepared slot', async () => {
    const read = 'select cents from account where owner = $1'
    const { left, right } = await bank.execute(
      { left: [read, ['ada']], right: [read, ['bob']] },
      { readOnly: ['left', 'right'] },
    )
    assert.deepEqual([left.rows, right.rows], [[{ cents: 100 }], [{ cents: 100 }]])
  })

  test('inside a transaction it takes part in that', async () => {
    const undone = bank.transaction(['left'], async ({ left }) => {
      await left.query(take, [1, 'ada'])
      const inside = await bank.execute({
        left: [take, [2, 'ada']],
        right: [[give, [3, 'ada']]],
      })
      assert.deepEqual(inside.left.rows, [{ cents: 97 }])
      assert.deepEqual(inside.right[0]?.rows, [{ cents: 103 }])
      throw new Error('undone')
    })
    await assert.rejects(undone, /undone/)
    await checkUntouched()
  })

  test('with requires-new it does not', async () => {
    const undone = bank.transaction(['left'], async () => {
      await bank.execute({ right: [give, [5, 'ada']] }, { propagation: 'requires-new' })
      throw new Error('undone')
    })
    await assert.rejects(undone, /undone/)
    assert.equal(await cents('right', 'ada'), 105)
  })

  test('as a nested part it can fail alone', async () => {
    await bank.transaction(['left'], async ({ left }) => {
      await left.query(take, [1, 'ada'])
      const inside = bank.execute({ left: [take, [500, 'ada']] }, { propagation: 'nested' })
      await assert.rejects(inside, { code: '23514' })
    })
    assert.equal(await cents('left', 'ada'), 99)
  })

  test('one that takes too long is given up, and leaves nothing', async () => {
    const slow = bank.execute(
      { left: [take, [1, 'ada']], right: ['select pg_sleep(20)'] },
      { timeoutMs: 150 },
    )
    await assert.rejects(slow, { code: 'ASSENT_TIMED_OUT' })
    await checkUntouched()
  })

  test('its statements may be made from the id of its transaction', async () => {
    let id = ''
    const { left, right } = await bank.execute((tx) => {
      id = tx.id
      return {
        left: ['insert into account values ($1, 1) returning owner', [tx.id]],
        right: [[give, [1, 'ada']]],
      }
    })
    assert.deepEqual([left.rows, right[0]?.rows], [[{ owner: id }], [{ cents: 101 }]])
    assert.equal(await bank.outcome(id), 'committed')
  })

  test('made from an id inside a transaction, its options hold as well', async () => {
    await bank.transaction(['left'], async ({ tx }) => {
      const { right } = await bank.execute(
        ({ id }) => ({
          right: [
            'select $1::text as id, current_setting($2) as ro',
            [id, 'transaction_read_only'],
          ],
        }),
        { readOnly: ['right'] },
      )
      assert.deepEqual(right.rows, [{ id: tx.id, ro: 'on' }])
    })
  })

  test('a retry makes them anew: it is another transaction', async () => {
    const ids: string[] = []
    const making = bank.execute(
      (tx) => {
        ids.push(tx.id)
        // The first one fails as a serialization failure does.
        const raise = `do $$ begin raise exception using errcode = '40001'; end $$`
        return { left: ids.length === 1 ? [raise] : ['select $1::text as id', [tx.id]] }
      },
      { retry: { attempts: 2 } },
    )
    const { left } = await making
    assert.equal(ids.length, 2)
    assert.deepEqual(left.rows, [{ id: ids[1] }])
  })

  test('what makes them joins nothing', async () => {
    const joining = bank.execute(() => {
      void bank.join('left').catch(() => undefined)
      return { left: [take, [1, 'ada']], right: [give, [1, 'ada']] }
    })
    await assert.rejects(joining, /join nothing in it/)
    await checkUntouched()
  })

  test('is no call that may run without a transaction', async () => {
    for (const propagation of ['never', 'supports'] as const) {
      for (const batches of [{ left: [take, [1, 'ada']] }, () => ({ left: [take, [1, 'ada']] })]) {
        const running = bank.execute(batches as never, { propagation } as never)
        await assert.rejects(running, { code: 'ASSENT_INVALID_OPTION', message: /it may be none/ })
      }
    }
    await checkUntouched()
  })

  test('options that are none are told as such', async () => {
    for (const options of [null, 5, 'x']) {
      const running = bank.execute({ left: [take, [1, 'ada']] }, options as never)
      await assert.rejects(running, { message: /its options/ })
    }
  })

  for (const [where, other] of [
    ['alone', {}],
    ['beside another', { right: [give, [1, 'ada']] }],
  ] as const) {
    test(`values that can not be sent are the error that they are: ${where}`, async () => {
      const unsendable = { toPostgres: () => assert.fail('no such value') }
      const sending = bank.execute({ left: [take, [unsendable, 'ada']], ...other })
      await assert.rejects(sending, /no such value/)
      await checkUntouched()
    })

    test(`a COPY is refused: ${where}`, async () => {
      const copying = bank.execute({ left: ['copy account from stdin'], ...other })
      await assert.rejects(copying, { code: 'ASSENT_STATEMENT_REFUSED' })
      await checkUntouched()
    })

    test(`time that is over is told as such: ${where}`, async () => {
      const slow = bank.execute({ left: ['select pg_sleep(20)'], ...other }, { timeoutMs: 150 })
      await assert.rejects(slow, { code: 'ASSENT_TIMED_OUT' })
      await checkUntouched()
    })
  }

  test('at a single resource a signal calls it off while it runs', async () => {
    const running = bank.execute(
      { left: ['select pg_sleep(20)'] },
      { signal: AbortSignal.timeout(100) },
    )
    await assert.rejects(running, { code: 'ASSENT_CANCELLED' })
    await checkUntouched()
  })

  test('at a single resource several statements have the time of the transaction together', async () => {
    const nap = ['select pg_sleep(0.3)'] as const
    const running = bank.execute({ left: [nap, nap, nap, [take, [1, 'ada']]] }, { timeoutMs: 500 })
    await assert.rejects(running, { code: 'ASSENT_TIMED_OUT' })
    await checkUntouched()
  })

  test('nobody else joins a branch that runs its statements', async () => {
    let joined: Promise<unknown> | undefined
    const running = bank.execute(() => {
      joined = Promise.resolve()
        .then(() => bank.join('left'))
        .then((client) => client.query(take, [1, 'ada']))
      joined.catch(() => undefined)
      return { left: [take, [500, 'ada']], right: [give, [500, 'ada']] }
    })
    await assert.rejects(running, { code: '23514' })
    await assert.rejects(joined ?? Promise.resolve(), isAssentError)
    await checkUntouched()
  })

  test('at a single resource its statements have the time of the transaction', async () => {
    const impatient = await openCoordinator({
      name: 'hasty',
      log: join(directory, 'hasty'),
      controlSocket: false,
      deliveryTimeoutMs: 150,
      resources: { left: postgres(pools.left) },
    })
    const { left } = await impatient.execute({ left: ["select 'slept' as it from pg_sleep(0.6)"] })
    assert.deepEqual(left.rows, [{ it: 'slept' }])
    await impatient.close()
  })

  test('statements that can not be made roll back what was begun', async () => {
    const throwing = bank.execute(() => {
      throw new Error('no such order')
    })
    await assert.rejects(throwing, /no such order/)
    const late = bank.execute((async () => ({ left: [take, [1, 'ada']] })) as never)
    await assert.rejects(late, /answers them at once/)
    const rejecting = bank.execute((async () => assert.fail('too late')) as never)
    await assert.rejects(rejecting, /answers them at once/)
    await checkUntouched()
  })

  test('a conflict is retried', async () => {
    // At one database only: across two, they could wait for each other until their time is over.
    const statements = [['select sum(cents) from account'], [take, [1, 'ada']]] as const
    const runs = ['carl', 'dora', 'emil', 'fay'].map((owner) =>
      bank.execute(
        { left: statements, right: ['insert into account values ($1, 1)', [owner]] },
        { isolation: { left: 'serializable', right: 'serializable' }, retry: { attempts: 30 } },
      ),
    )
    await Promise.all(runs)
    assert.equal(await cents('left', 'ada'), 96)
    const { rows } = await pools.right.query('select count(*)::int from account where cents = 1')
    assert.deepEqual(rows, [{ count: 4 }])
  })

  const mistakes: Readonly<Record<string, readonly [batches: unknown, message: RegExp]>> = {
    'no batches': [{}, /no statements/],
    'a list': [[take], /call execute/],
    'a bare text': [{ left: take }, /left must be \[text, values\]/],
    'an empty list': [{ left: [] }, /left was given no statements/],
    'values that are no list': [{ left: [[take, 'ada']] }, /its values a list/],
    'a resource that nobody has': [{ middle: [take] }, /no resource "middle"/],
    'a resource that takes no statements': [{ mail: [take] }, /mail takes no statements/],
    'a statement about transactions': [{ left: ['commit'] }, /would end the branch/],
  }
  for (const [name, [batches, message]] of Object.entries(mistakes)) {
    test(`refuses ${name}, and changes nothing`, async () => {
      await assert.rejects(bank.execute(batches as never), (error: Error) => {
        assert.ok(isAssentError(error), String(error))
        assert.match(error.message, message)
        assert.equal(error.effect, 'none')
        return true
      })
      await checkUntouched()
    })
  }
})
