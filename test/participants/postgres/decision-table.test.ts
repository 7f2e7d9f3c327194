/** The decision tables before anything is decided: whether they are there, and as they must be. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, beforeEach, test } from 'node:test'
import type { Pool } from 'pg'

import { isAssentError } from '../../../src/core/errors.ts'
import type { PostgresOptions } from '../../../src/postgres.ts'
import { postgresSuite, roleUrl } from '../../harness/postgres.ts'
import { TestedParticipant } from '../../harness/postgres-branches.ts'
import { committedRow, identity, installation, nextKey, tableOf } from './tested-decisions.ts'

const schemaSql = 'create schema assent;'
const tablesSql = `create table assent.assent_log (
  installation text collate "C" not null,
  slot integer not null,
  identity text collate "C" not null,
  epoch bigint not null,
  is_clean boolean not null,
  primary key (installation, slot),
  unique (identity)
);
create table assent.assent_decision (
  log text collate "C" not null,
  transaction text collate "C" not null,
  decision text collate "C" not null check (decision in ('committed', 'aborted')),
  record bytea not null,
  primary key (log, transaction)
);
create table assent.assent_record (
  log text collate "C" not null,
  name text collate "C" not null,
  record bytea not null,
  primary key (log, name)
);`

const grants = `grant usage on schema assent to clerk;
grant select, insert, update, delete on assent.assent_log, assent.assent_decision, \
assent.assent_record to clerk;`

await postgresSuite('the decision tables of a PostgreSQL database', (servers) => {
  const role = 'clerk'
  let owner: Pool
  let url: string
  /** By a role that owns nothing there. */
  let clerk: string

  before(async () => {
    url = (await servers.shared()).url
    owner = servers.pool(url)
    await owner.query(`create role ${role} login password 'a';
      grant execute on function pg_control_system() to ${role}`)
    clerk = roleUrl(url, role, 'a')
  })

  beforeEach(() => owner.query('drop schema if exists assent cascade'))

  const prepare = async (url: string, create: boolean, options: PostgresOptions = {}) => {
    const tested = await TestedParticipant.open(servers.pool(url), options)
    try {
      await tableOf(tested, create).prepare()
    } finally {
      await tested.participant.close()
    }
  }

  /** The problem and the cure of the refusal that is expected. */
  const refusal = async (preparing: Promise<void>): Promise<{ problem: string; cure: string }> => {
    try {
      await preparing
    } catch (error) {
      assert.ok(isAssentError(error, 'ASSENT_RESOURCE_REFUSED'), String(error))
      const { resource, problem, cure } = error.fields
      assert.equal(error.message, `${resource}: ${problem}. ${cure}`)
      return { problem, cure }
    }
    return assert.fail('it was not refused')
  }

  const tablesThere = async (): Promise<string[]> => {
    const { rows } = await owner.query(
      `select tablename from pg_tables where schemaname = 'assent' order by 1`,
    )
    return rows.map(({ tablename }) => tablename)
  }
  const all = ['assent_decision', 'assent_log', 'assent_record']

  test('are refused where they are missing, with the statements that make them', async () => {
    const { problem, cure } = await refusal(prepare(clerk, false))
    assert.equal(problem, 'the decision tables are not there, in the schema assent')
    const sql = [schemaSql, tablesSql, grants].join('\n')
    assert.equal(
      cure,
      'Run this as the owner of the database, or open with ' +
        `\`decisions: { ..., create: true }\`:\n${sql}`,
    )
    assert.deepEqual(await tablesThere(), [])
    await owner.query(sql)
    await prepare(clerk, false)
  })

  test('are what the page about them says', async () => {
    const page = await readFile(
      new URL('../../../docs/operating/decisions-in-a-database.md', import.meta.url),
      'utf8',
    )
    const [, sql] = /```sql\n([^`]+)```/.exec(page) ?? []
    assert.equal(sql?.trim(), [schemaSql, tablesSql, grants].join('\n').replaceAll('clerk', 'shop'))
  })

  test('are made where that is asked for, once, and what is there is left', async () => {
    await prepare(url, true)
    assert.deepEqual(await tablesThere(), all)
    await owner.query('drop table assent.assent_record')
    await owner.query(`insert into assent.assent_log values ('shop', 0, $1, 1, true)`, [identity])
    await prepare(url, true)
    assert.deepEqual(await tablesThere(), all)
    assert.equal((await owner.query('select from assent.assent_log')).rowCount, 1)
  })

  test('are made by several at once', async () => {
    await Promise.all(Array.from({ length: 6 }, () => prepare(url, true)))
    assert.deepEqual(await tablesThere(), all)
  })

  test('that may not be made are refused with the statements for who may', async () => {
    const { problem, cure } = await refusal(prepare(clerk, true))
    assert.match(problem, /^the role clerk may not make the decision tables: permission denied/)
    const sql = [schemaSql, tablesSql, grants].join('\n')
    assert.equal(cure, `Run this as the owner of the database:\n${sql}`)
    assert.deepEqual(await tablesThere(), [])
    await owner.query(sql)
    await prepare(clerk, true)
  })

  test('without a right to them are refused with the grants', async () => {
    await prepare(url, true)
    const first = await refusal(prepare(clerk, false))
    assert.match(first.problem, /^the role clerk lacks rights to the decision tables: usage on/)
    await owner.query(grants)
    await prepare(clerk, false)
    await owner.query(`revoke delete on assent.assent_record from ${role}`)
    const second = await refusal(prepare(clerk, false))
    assert.equal(
      second.problem,
      `the role ${role} lacks rights to the decision tables: delete on assent.assent_record`,
    )
    assert.ok(second.cure.endsWith(`:\n${grants}`), second.cure)
  })

  test('the role of the pool needs its rights, too, where `recovery` has another', async () => {
    await prepare(url, true)
    const options = { recovery: servers.pool(url) }
    const { problem, cure } = await refusal(prepare(clerk, false, options))
    assert.equal(
      problem,
      `the role ${role} lacks rights to the decision tables: usage on schema assent, ` +
        'select on assent.assent_log, insert on assent.assent_decision',
    )
    assert.ok(cure.endsWith(`:\n${grants}`), cure)
    await owner.query(`grant usage on schema assent to ${role};
      grant select on assent.assent_log to ${role};
      grant insert on assent.assent_decision to ${role}`)
    await prepare(clerk, false, options)
  })

  const flaws: readonly [problem: string, spoil: string, mend: string][] = [
    [
      'the table assent.assent_decision has no column record of the type bytea',
      'alter table assent.assent_decision rename record to r',
      'alter table assent.assent_decision rename r to record',
    ],
    [
      'the table assent.assent_log has no column slot of the type integer',
      'alter table assent.assent_log alter slot type bigint',
      'alter table assent.assent_log alter slot type integer',
    ],
    [
      'the table assent.assent_decision has no unique index of (log, transaction)',
      'alter table assent.assent_decision drop constraint assent_decision_pkey',
      'alter table assent.assent_decision add primary key (log, transaction)',
    ],
    [
      'the table assent.assent_log has no unique index of (identity)',
      `alter table assent.assent_log drop constraint assent_log_identity_key,
         add constraint late unique (identity) deferrable`,
      'alter table assent.assent_log drop constraint late, add unique (identity)',
    ],
    [
      'the table assent.assent_decision lets its column log be null',
      `alter table assent.assent_decision drop constraint assent_decision_pkey,
         alter log drop not null, add constraint late unique (log, transaction)`,
      `alter table assent.assent_decision drop constraint late,
         alter log set not null, add primary key (log, transaction)`,
    ],
    [
      'the table assent.assent_decision wants a value for its column mine, which is not ours',
      'alter table assent.assent_decision add mine int not null',
      'alter table assent.assent_decision alter mine set default 0',
    ],
    [
      'the table assent.assent_record is not logged, so a crash of the server empties it',
      'alter table assent.assent_record set unlogged',
      'alter table assent.assent_record set logged',
    ],
    [
      'the table assent.assent_decision has a rule or a trigger that can drop rows',
      `create function swallow() returns trigger language plpgsql as 'begin return null; end';
         create trigger swallow before insert on assent.assent_decision
         for each row execute function swallow()`,
      'drop trigger swallow on assent.assent_decision',
    ],
    [
      'the table assent.assent_decision has a rule or a trigger that can drop rows',
      'create rule swallow as on insert to assent.assent_decision do instead nothing',
      'drop rule swallow on assent.assent_decision',
    ],
  ]

  test('that are not as they must be are refused by what is wrong', async () => {
    await prepare(url, true)
    for (const [problem, spoil, mend] of flaws) {
      await owner.query(spoil)
      const found = await refusal(prepare(url, true))
      assert.equal(found.problem, problem)
      assert.match(
        found.cure,
        /^Move it aside, or give Assent another schema by `decisionSchema`\.$/,
      )
      await owner.query(mend)
      await prepare(url, true)
    }
  })

  test('row security that binds the role is refused, and one that does not is not', async () => {
    await prepare(url, true)
    await owner.query(grants)
    await owner.query('alter table assent.assent_decision enable row level security')
    const { problem } = await refusal(prepare(clerk, false))
    assert.match(problem, /assent_decision has row security, which may hide rows or refuse them$/)
    await prepare(url, false)
  })

  test('have the schema that the user names, also where its name is a word of SQL', async () => {
    const options = { decisionSchema: 'order' }
    const { cure } = await refusal(prepare(url, false, options))
    assert.match(cure, /create schema "order";\ncreate table "order"\.assent_log \(/)
    const tested = await TestedParticipant.open(servers.pool(url), options)
    const table = tableOf(tested)
    await table.prepare()
    const session = await table.lock({ installation, slot: 0, identity })
    await session?.write({ epoch: 1 })
    const { branch } = await tested.begin()
    await branch.client.query('create table made (id int)')
    branch.seal()
    const row = committedRow(nextKey(1))
    assert.deepEqual(await branch.commitWithDecision?.(row), { result: 'committed' })
    assert.deepEqual((await session?.read())?.decisions, [row])
    assert.equal((await owner.query('select from "order".assent_decision')).rowCount, 1)
    await session?.release()
    await tested.participant.close()
  })

  test('a schema that can not be one is refused by name', () => {
    for (const decisionSchema of ['', 'Mixed', 'a.b', 'pg_mine', '1st', 'x'.repeat(64)]) {
      assert.throws(
        () => TestedParticipant.attach(servers.pool('postgres://'), { decisionSchema }),
        {
          code: 'ASSENT_INVALID_OPTION',
          fields: { option: 'decisionSchema' },
        },
      )
    }
  })

  test('at a server in recovery can not be asked now', async () => {
    const server = await servers.start()
    await prepare(server.url, true)
    const tested = await TestedParticipant.open(servers.pool(server.url))
    await server.stop()
    await writeFile(join(server.directory, 'data', 'standby.signal'), '')
    await server.start()
    await assert.rejects(tableOf(tested).prepare(), /in recovery/)
    await tested.participant.close()
  })

  test('work in a database that is read-only by default', async () => {
    const name = new URL(url).pathname.slice(1)
    await owner.query(`alter database ${name} set default_transaction_read_only = on`)
    const tested = await TestedParticipant.open(servers.pool(url))
    const table = tableOf(tested)
    await table.prepare()
    const session = await table.lock({ installation, slot: 0, identity })
    await session?.write({ epoch: 1 })
    const { branch } = await tested.begin()
    branch.seal()
    const row = committedRow(nextKey(1))
    assert.deepEqual(await branch.commitWithDecision?.(row), { result: 'committed' })
    await session?.release()
    await tested.participant.close()
    await owner.query(`alter database ${name} reset default_transaction_read_only`)
  })
})
