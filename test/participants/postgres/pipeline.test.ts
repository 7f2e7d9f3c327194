/** Several statements under one Sync: what is answered, and what is not run behind a failure. */
import assert from 'node:assert/strict'
import { before, beforeEach, test } from 'node:test'
import pg from 'pg'

import type { PgQuery } from '../../../src/participants/postgres/driver.ts'
import {
  type DriverQueryClass,
  Pipeline,
  type PipelineAnswer,
} from '../../../src/participants/postgres/pipeline.ts'
import { postgresSuite } from '../../harness/postgres.ts'
import { until } from '../../harness/postgres-conditions.ts'

await postgresSuite('a PostgreSQL pipeline', (servers) => {
  let url: string
  let client: pg.Client

  before(async () => {
    url = (await servers.shared()).url
    client = new pg.Client(url)
    client.on('error', () => undefined)
    await client.connect()
    await client.query('create table item (id int primary key, note text)')
  })

  beforeEach(() => client.query('truncate item'))

  const send = (on: pg.Client, ...statements: readonly PgQuery[]): Promise<PipelineAnswer> => {
    const { Query } = on.constructor as unknown as { Query: DriverQueryClass }
    const pipeline = new Pipeline(
      Query,
      statements.map((query) => ({ query })),
    )
    on.query(pipeline as unknown as pg.Submittable)
    return pipeline.answered
  }

  const items = async (): Promise<number[]> =>
    (await client.query('select id from item order by id')).rows.map(({ id }) => id)

  test('answers each statement, with its tag, count and rows', async () => {
    const { results, failure } = await send(
      client,
      { text: 'begin' },
      { text: 'insert into item values ($1, $2) returning id, note', values: [1, 'a'] },
      { text: '' },
      { text: 'update item set note = null' },
      { text: 'commit' },
    )
    assert.equal(failure, undefined)
    assert.deepEqual(
      results.map(({ command, rowCount, rows }) => [command, rowCount, rows]),
      [
        ['BEGIN', null, []],
        ['INSERT', 1, [{ id: 1, note: 'a' }]],
        [null, null, []],
        ['UPDATE', 1, []],
        ['COMMIT', null, []],
      ],
    )
    assert.deepEqual(await items(), [1])
  })

  test('PG-12 a BEGIN that fails keeps the statement behind it from being run', async () => {
    const { results, failure } = await send(
      client,
      { text: 'begin isolation level nonsense' },
      { text: 'insert into item values (1)' },
    )
    assert.deepEqual(results, [])
    assert.match(String(failure?.cause), /syntax error/)
    assert.deepEqual(await items(), [])
  })

  test('what follows a failed statement is not run, and the transaction has failed', async () => {
    const { results, failure } = await send(
      client,
      { text: 'begin' },
      { text: 'insert into item values (1), (1)' },
      { text: `prepare transaction 'assent.test.pipeline'` },
    )
    assert.deepEqual(
      results.map(({ command }) => command),
      ['BEGIN'],
    )
    assert.match(String(failure?.cause), /duplicate key/)
    await client.query('rollback')
    const left = await client.query('select gid from pg_prepared_xacts')
    assert.deepEqual(left.rows, [])
    assert.deepEqual(await items(), [])
  })

  test('a value that the driver can not send keeps back what follows', async () => {
    const circular: { self?: unknown } = {}
    circular.self = circular
    const { failure } = await send(
      client,
      { text: 'begin' },
      { text: 'insert into item values ($1)', values: [circular] },
      { text: 'commit' },
    )
    assert.match(String(failure?.cause), /circular/i)
    assert.equal(client.getTransactionStatus(), 'T', 'begun, and nothing behind it was sent')
    await client.query('rollback')
    assert.deepEqual(await items(), [])
  })

  test('a COPY FROM STDIN is refused, and does not hang', async () => {
    const { failure } = await send(client, { text: 'copy item from stdin' })
    assert.match(String(failure?.cause), /has to be sent by a stream of its own/)
    assert.deepEqual(await items(), [])
  })

  test('a lost connection is a failure, whatever had been answered', async () => {
    const other = new pg.Client(url)
    other.on('error', () => undefined)
    await other.connect()
    const { rows } = await other.query('select pg_backend_pid() as pid')
    const answered = send(other, { text: 'begin' }, { text: 'select pg_sleep(60)' })
    await until('the session is busy', async () => {
      const found = await client.query('select state from pg_stat_activity where pid = $1', [
        rows[0].pid,
      ])
      return found.rows[0].state === 'active'
    })
    await client.query('select pg_terminate_backend($1)', [rows[0].pid])
    const { failure } = await answered
    assert.match(String(failure?.cause), /terminating|terminated/)
    await until('it is gone', async () => {
      const found = await client.query('select from pg_stat_activity where pid = $1', [rows[0].pid])
      return found.rowCount === 0
    })
  })

  test('on a connection that is lost already', async () => {
    const other = new pg.Client(url)
    await other.connect()
    await other.end()
    const { failure } = await send(other, { text: 'begin' })
    assert.ok(failure !== undefined)
  })
})
