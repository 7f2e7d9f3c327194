/** Statements that a session keeps: which they are, and what happens where it does not keep them. */
import assert from 'node:assert/strict'
import { before, beforeEach, test } from 'node:test'
import type { Pool } from 'pg'

import { keptOrPlain } from '../../../src/participants/postgres/kept-statements.ts'
import { postgresSuite } from '../../harness/postgres.ts'
import { done, nextIds, TestedParticipant } from '../../harness/postgres-branches.ts'

const change = 'update item set note = $2 where id = $1'
const often = 8

await postgresSuite('statements that PostgreSQL keeps', (servers) => {
  let pool: Pool
  let tested: TestedParticipant

  before(async () => {
    // One connection, so that every transaction meets the same session.
    pool = servers.pool((await servers.shared()).url, { max: 1 })
    await pool.query('create table item (id int primary key, note text)')
    tested = await TestedParticipant.open(pool)
  })

  beforeEach(async () => {
    await pool.query(`truncate item; insert into item values (1, 'new'); deallocate all`)
    // The driver keeps account of its own; a new connection has kept nothing.
    await new Promise<void>((resolve, reject) => {
      pool.connect((error, client, release) => {
        if (client === undefined) return reject(error)
        release(true)
        resolve()
      })
    })
  })

  const kept = async (): Promise<string[]> => {
    const { rows } = await pool.query(
      `select statement from pg_prepared_statements where name like 'assent\\_%' order by name`,
    )
    return rows.map(({ statement }) => statement)
  }

  const transact = async (text: string, values: readonly unknown[] = []): Promise<void> => {
    const branch = await tested.begin()
    await branch.client.query(text, [...values])
    branch.seal()
    assert.equal((await branch.prepare()).vote, 'yes')
    assert.deepEqual(await branch.branch.commit(), done)
  }

  const again = async (times: number, text: string, values: readonly unknown[]): Promise<void> => {
    for (let time = 0; time < times; time += 1) await transact(text, values)
  }

  const note = async (): Promise<unknown> =>
    (await pool.query('select note from item where id = 1')).rows[0]?.note

  test('are changes that are sent again and again, and those of our own', async () => {
    await again(often, change, [1, 'a'])
    const texts = await kept()
    assert.ok(texts.includes(change), texts.join('\n'))
    assert.ok(texts.some((text) => text.startsWith('begin isolation level')))
    assert.equal(texts.length, 4, 'BEGIN, the settings, the xid at first sight, and the change')
    assert.equal(await note(), 'a')
  })

  for (const [what, text] of [
    ['a change that answers rows', 'update item set note = $2 where id = $1 returning note'],
    ['a query', 'select note from item where id = $1 and note <> $2 for update'],
  ] as const) {
    test(`are not ${what}`, async () => {
      await again(often, text, [1, 'b'])
      assert.ok(!(await kept()).includes(text))
    })
  }

  for (const [what, statement] of [
    ['deallocated', 'deallocate all'],
    ['discarded', 'discard all'],
  ] as const) {
    test(`are sent with their texts where they were ${what}`, async () => {
      await again(often, change, [1, 'a'])
      await pool.query(statement)
      await again(2, change, [1, 'b'])
      assert.equal(await note(), 'b')
      assert.deepEqual(await kept(), [], 'and none is kept on this connection any more')
    })
  }

  test('in a batch are sent with their texts where they were deallocated', async () => {
    await again(often, change, [1, 'a'])
    await pool.query('deallocate all')
    const { id, transaction } = nextIds()
    const options = { id, transaction, timeLeftMs: 20_000, isolation: undefined, readOnly: false }
    const branch = await tested.participant.beginBatch?.(options, [
      { text: 'insert into item values (2, $1)', values: ['c'] },
      { text: change, values: [1, 'c'] },
    ])
    branch?.seal()
    assert.equal((await branch?.prepare())?.vote, 'yes')
    assert.deepEqual(await branch?.commit(), done)
    const { rows } = await pool.query('select id, note from item order by id')
    assert.deepEqual(rows, [
      { id: 1, note: 'c' },
      { id: 2, note: 'c' },
    ])
  })

  test('are sent with their texts where somebody else took the name', async () => {
    await pool.query('prepare assent_settle_xid_1 as select 1')
    await transact(change, [1, 'd'])
    await transact(change, [1, 'e'])
    assert.equal(await note(), 'e')
  })

  test('are given up where a change of the schema makes one fail', async () => {
    await again(often, change, [1, '7'])
    await pool.query('alter table item alter column note type int using note::int')
    try {
      const branch = await tested.begin()
      await assert.rejects(branch.client.query(change, [1, '8']), /type/)
      await branch.dropped()
      await transact(change, [1, '9'])
      assert.equal(await note(), 9)
    } finally {
      await pool.query('alter table item alter column note type text')
    }
  })

  test('are sent with their texts where a change of the schema makes their values too large', async () => {
    const byKey = 'delete from item where id = $1'
    await again(often, byKey, [7])
    await pool.query('alter table item alter column id type bigint')
    try {
      const branch = await tested.begin()
      await assert.rejects(branch.client.query(byKey, ['3000000000']), /out of range/)
      await branch.dropped()
      await transact(byKey, ['3000000000'])
    } finally {
      await pool.query('alter table item alter column id type int')
    }
  })

  test('are known to the driver only where the server has seen them', async () => {
    const [first, second] = ['insert into item values ($1, $2)', 'update item set note = $1']
    const client = await pool.connect()
    client.release()
    for (let time = 0; time < often; time += 1) {
      for (const text of [first, second]) {
        keptOrPlain(client as unknown as Parameters<typeof keptOrPlain>[0], text, [])
      }
    }
    const options = { ...nextIds(), timeLeftMs: 20_000, isolation: undefined, readOnly: false }
    const failing = await tested.participant.beginBatch?.(options, [
      { text: first, values: [1, 'again'] },
      { text: second, values: ['z'] },
    ])
    failing?.seal()
    assert.equal((await failing?.prepare())?.vote, 'no')
    const branch = await tested.begin()
    await branch.client.query('select 1')
    await branch.client.query(second, ['h'])
    branch.seal()
    assert.equal((await branch.prepare()).vote, 'yes')
    assert.deepEqual(await branch.branch.commit(), done)
    assert.equal(await note(), 'h')
  })

  test('with values that the driver can not send fail nobody else', async () => {
    // Also where they are the first that are sent under the name on a connection.
    await again(often - 1, change, [1, 'a'])
    const unsendable = { toPostgres: () => assert.fail('no such value') }
    for (const isFirst of [true, false]) {
      const failing = await tested.begin()
      if (!isFirst) await failing.client.query('select 1')
      await assert.rejects(failing.client.query(change, [1, unsendable]), /no such value/)
      await failing.dropped()
      // Not the first statement, which would be sent again: one that has to be right at once.
      const branch = await tested.begin()
      await branch.client.query('select 1')
      await branch.client.query(change, [1, 'i'])
      branch.seal()
      assert.equal((await branch.prepare()).vote, 'yes')
      assert.deepEqual(await branch.branch.commit(), done)
    }
    assert.equal(await note(), 'i')
  })

  test('after work that changed the session none is relied upon', async () => {
    await again(often, change, [1, 'a'])
    const branch = await tested.begin()
    await branch.client.query('deallocate all')
    await branch.client.query(change, [1, 'f'])
    branch.seal()
    assert.equal((await branch.prepare()).vote, 'yes')
    assert.deepEqual(await branch.branch.commit(), done)
    assert.equal(await note(), 'f')
  })

  test('are none where that is turned off', async () => {
    const url = (await servers.shared()).url
    const own = servers.pool(url, { max: 1 })
    const off = await TestedParticipant.open(own, { keepStatements: false })
    for (let time = 0; time < often; time += 1) {
      const branch = await off.begin()
      await branch.client.query(change, [1, 'g'])
      branch.seal()
      assert.equal((await branch.prepare()).vote, 'yes')
      assert.deepEqual(await branch.branch.commit(), done)
    }
    const { rows } = await own.query('select name from pg_prepared_statements')
    assert.deepEqual(rows, [])
  })

  test('are only so many, whatever a program sends', async () => {
    const client = await pool.connect()
    try {
      const connection = client as unknown as Parameters<typeof keptOrPlain>[0]
      let names = 0
      for (let number = 0; number < 500; number += 1) {
        const text = `update item set note = 'x' where id = ${number}`
        for (let time = 0; time < often; time += 1) keptOrPlain(connection, text, undefined)
        if (typeof keptOrPlain(connection, text, undefined) !== 'string') names += 1
      }
      assert.ok(names >= 100 && names <= 200, `${names} texts have a name`)
    } finally {
      client.release()
    }
  })
})
