/** What only MySQL does, or only servers that can't be had here: by a driver with a scripted server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MysqlOptions, mysql } from '../../../src/mysql.ts'
import type { Participant, ResourceCheck } from '../../../src/participants/contract.ts'
import { xidOf } from '../../../src/participants/mysql/xid.ts'
import { nextIds } from '../../harness/branch-ids.ts'
import { realPorts } from '../../harness/ports.ts'
import { mysql84, ScriptedServer } from './scripted-server.ts'

const mariadb = { ...mysql84, version: '10.11.6-MariaDB', version_comment: 'Debian 12' }

function participantOf(server: ScriptedServer, options: MysqlOptions = {}): Participant<unknown> {
  const recovery = async () => server.connection()
  const participant = mysql(server.pool, { recovery, ...options })
  participant.attach(realPorts())
  return participant
}

async function checkOf(server: ScriptedServer, options: MysqlOptions = {}): Promise<ResourceCheck> {
  const participant = participantOf(server, options)
  const found = await participant.check()
  await participant.close()
  return found
}

const refusals: readonly (readonly [
  what: string,
  variables: Record<string, string>,
  problem: RegExp,
  cure: RegExp,
])[] = [
  [
    'MY-1 a MariaDB that loses prepared branches with the connection',
    { ...mariadb, version: '10.4.34-MariaDB' },
    /MariaDB 10\.4\.34-MariaDB/,
    /^Use MariaDB 10\.5 or newer/,
  ],
  [
    'MY-1 a MySQL that is too old',
    { ...mysql84, version: '5.7.44-log' },
    /MySQL 5\.7\.44-log/,
    /^Use MySQL 8\.0 or newer/,
  ],
  ['a Galera cluster', { ...mariadb, wsrep_on: 'ON' }, /wsrep_on/, /lastResource: true/],
  ['TiDB', { ...mysql84, version: '8.0.11-TiDB-v7.5.0' }, /TiDB/, /lastResource: true/],
  [
    'MY-8 a server without InnoDB',
    Object.fromEntries(Object.entries(mysql84).filter(([name]) => !name.startsWith('innodb'))),
    /InnoDB is not available/,
    /with InnoDB/,
  ],
]

for (const [what, variables, problem, cure] of refusals) {
  test(`${what} is refused by name`, async () => {
    const found = await checkOf(new ScriptedServer(variables))
    assert.ok(found.status === 'refused', JSON.stringify(found))
    assert.match(found.problem, problem)
    assert.match(found.cure, cure)
  })
}

test('a Galera cluster takes part as the last resource', async () => {
  const found = await checkOf(new ScriptedServer({ ...mariadb, wsrep_on: 'ON' }), {
    lastResource: true,
  })
  assert.equal(found.status, 'ready')
})

test('MY-9 an account that may not see prepared branches is told the grant', async () => {
  const denied = 'Access denied; you need (at least one of) the XA_RECOVER_ADMIN privilege(s)'
  const server = new ScriptedServer(mysql84, (text) =>
    text.startsWith('xa recover') ? { errno: 1227, message: denied } : undefined,
  )
  const found = await checkOf(server)
  assert.ok(found.status === 'refused')
  assert.equal(found.cure, "Run GRANT XA_RECOVER_ADMIN ON *.* TO 'shop'@'%'.")
})

test('MySQL is known by the uuid of its data', async () => {
  const found = await checkOf(new ScriptedServer(mysql84))
  assert.ok(found.status === 'ready')
  assert.equal(found.fingerprint, `mysql/${mysql84.server_uuid}/stock`)
})

test('MySQL, which has no compound statements, is sent one by one', async () => {
  const server = new ScriptedServer(mysql84)
  const participant = participantOf(server)
  await participant.check()
  server.sent.length = 0
  const { id, transaction } = nextIds()
  const xid = xidOf(id, 'stock')
  const branch = await participant.begin({
    ...{ id, transaction, timeLeftMs: 4_000, isolation: 'serializable', readOnly: false },
  })
  const { query } = branch.client as { query(text: string, answered: () => void): void }
  await new Promise<void>((resolve) => {
    query.call(branch.client, 'insert into item values (1)', resolve)
  })
  branch.seal()
  const vote = await branch.prepare()
  assert.deepEqual(vote, { vote: 'yes', evidence: 'r.7.990.' })
  assert.deepEqual(await branch.commit(), { result: 'done' })
  // Beside the connection's first questions, and those of our own connections.
  const sent = server.sent.filter((text) => /^(?:set session innodb|set tr|xa |insert)/.test(text))
  const first = String(sent.shift())
  assert.match(first, /^set session innodb_lock_wait_timeout = 4, lock_wait_timeout = 4, max_ex/)
  assert.match(first, /, session_track_system_variables = '\*', session_track_state_change = 1$/)
  assert.deepEqual(sent, [
    'set transaction isolation level serializable, read write',
    `xa start ${xid}`,
    'insert into item values (1)',
    `xa end ${xid}`,
    `xa prepare ${xid}`,
    `xa commit ${xid}`,
    'set session innodb_lock_wait_timeout = 50, lock_wait_timeout = 31536000, ' +
      "max_execution_time = 0, session_track_system_variables = 'time_zone,autocommit', session_track_state_change = 0",
  ])
  await participant.close()
})

for (const isThere of [true, false]) {
  const how = isThere ? 'commits the transaction that was begun' : 'commits no other than that'
  test(`a last resource on MySQL ${how}`, async () => {
    const server = new ScriptedServer(mysql84, (text) =>
      !isThere && /^(?:release|rollback to) savepoint/.test(text) ? { errno: 1305 } : undefined,
    )
    const participant = participantOf(server, { lastResource: true })
    await participant.check()
    const { id, transaction } = nextIds()
    const branch = await participant.begin({
      ...{ id, transaction, timeLeftMs: 4_000, isolation: undefined, readOnly: false },
    })
    branch.seal()
    const ended = await branch.commitOnePhase()
    assert.equal(ended.result, isThere ? 'committed' : 'unknown')
    const sent = server.sent.filter((text) => /^(?:start|savepoint|rel|commit|roll)/.test(text))
    assert.deepEqual(sent, [
      'start transaction',
      'savepoint assent_first',
      'release savepoint assent_first',
      ...(isThere ? ['commit'] : ['rollback to savepoint assent_first', 'rollback']),
    ])
    await participant.close()
  })
}

test('MySQL shows xids as text unless asked for their bytes', async () => {
  const { id } = nextIds()
  const [global = '', branch = ''] = xidOf(id, 'stock')
    .split(',')
    .map((part) => part.slice(1, -1))
  const hex = [...`${global}${branch}`].map((each) => each.charCodeAt(0).toString(16)).join('')
  const rows = [
    {
      formatID: 1095978580,
      gtrid_length: global.length,
      bqual_length: branch.length,
      data: `0x${hex}`,
    },
    { formatID: 1, gtrid_length: 2, bqual_length: 1, data: '0x00FF41' },
  ]
  const server = new ScriptedServer(mysql84, (text) =>
    text === 'xa recover convert xid' ? { rows } : undefined,
  )
  const participant = participantOf(server)
  await participant.check()
  assert.deepEqual(
    (await participant.listPrepared?.())?.map((each) => each.id),
    [id, `X'00ff','A',1`],
  )
  await participant.close()
})
