/** Slots: who holds one, what only its holder may write, and what happens when the session is lost. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, beforeEach, test } from 'node:test'
import pg, { type Pool } from 'pg'

import type { NamedRecord, TableSession } from '../../../src/core/decision-table.ts'
import type { InstallationName, LogIdentity } from '../../../src/core/ids.ts'
import { postgresSuite } from '../../harness/postgres.ts'
import { TestedParticipant } from '../../harness/postgres-branches.ts'
import { until } from '../../harness/postgres-conditions.ts'
import {
  committedRow,
  identity,
  installation,
  nextKey,
  TestedDecisions,
  tableOf,
} from './tested-decisions.ts'

const holder = new URL('./slot-holder-process.ts', import.meta.url).pathname
const wanted = { installation, slot: 0, identity }

await postgresSuite('the slots of decision tables at PostgreSQL', (servers) => {
  let pool: Pool
  let url: string
  const processes: ChildProcess[] = []

  before(async () => {
    url = (await servers.shared()).url
    pool = servers.pool(url)
    const tested = await TestedParticipant.open(pool)
    await tableOf(tested).prepare()
    await tested.participant.close()
  })

  beforeEach(() =>
    pool.query('truncate assent.assent_log, assent.assent_decision, assent.assent_record'),
  )

  after(() => {
    for (const each of processes) each.kill('SIGKILL')
  })

  const startHolder = async (): Promise<{ child: ChildProcess; said: string }> => {
    const child = spawn(process.execPath, [holder, url], { stdio: ['pipe', 'pipe', 'inherit'] })
    processes.push(child)
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    return { child, said: String(said).trim() }
  }

  const backendsWithLocks = async (): Promise<number[]> => {
    const { rows } = await pool.query(`select pid from pg_locks
      where locktype = 'advisory' and database = (select oid from pg_database
        where datname = current_database())`)
    return rows.map(({ pid }) => pid)
  }

  /** Ends the sessions that hold a slot, as an administrator or a failover does it. */
  const endHolders = async (): Promise<void> => {
    const pids = await backendsWithLocks()
    assert.ok(pids.length > 0, 'a slot is held')
    await pool.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [pids])
  }

  const lostOf = (session: TableSession): Promise<unknown> =>
    new Promise((resolve) => {
      session.onLost = resolve
    })

  test('a slot is one process’s at a time, until that process is dead', async () => {
    const [one, other] = await Promise.all([startHolder(), startHolder()])
    assert.deepEqual([one.said, other.said].sort(), ['locked', 'taken'])
    const held = one.said === 'locked' ? one : other
    const tested = await TestedParticipant.open(pool)
    const table = tableOf(tested, false)
    assert.equal(await table.lock(wanted), undefined)
    held.child.kill('SIGKILL')
    let session: TableSession | undefined
    await until('the slot is free', async () => {
      session = await table.lock(wanted)
      return session !== undefined
    })
    await session?.release()
    await tested.participant.close()
  })

  test('a slot that is released is free at once', async () => {
    const kept = await TestedDecisions.open(pool)
    for (let round = 0; round < 5; round += 1) {
      assert.equal(await kept.table.lock(wanted), undefined)
      await kept.session.release()
      const session = await kept.table.lock(wanted)
      assert.ok(session !== undefined)
      kept.session = session
    }
    await kept.close()
  })

  test('other slots, other installations and other schemas are locked beside it', async () => {
    const kept = await TestedDecisions.open(pool)
    const elsewhere = await TestedParticipant.open(pool, { decisionSchema: 'other' })
    const other = tableOf(elsewhere)
    await other.prepare()
    const sessions = [
      await kept.table.lock({ ...wanted, slot: 1, identity: '1111111111111' as LogIdentity }),
      await kept.table.lock({
        installation: 'test-eu' as InstallationName,
        slot: 0,
        identity: '2222222222222' as LogIdentity,
      }),
      await other.lock(wanted),
    ]
    for (const session of sessions) assert.ok(session !== undefined)
    assert.deepEqual(
      (await kept.table.logs(installation)).map(({ slot, identity: log }) => [slot, log]),
      [
        [0, identity],
        [1, '1111111111111'],
      ],
    )
    for (const session of sessions) await session?.release()
    await elsewhere.participant.close()
    await kept.close()
  })

  test('a log keeps the identity, the epoch and the state that it was given', async () => {
    const kept = await TestedDecisions.open(pool)
    assert.deepEqual(kept.session.log, { slot: 0, identity, epoch: 0, isClean: true })
    await kept.session.write({ epoch: 7 })
    assert.deepEqual(await kept.table.logs(installation), [
      { slot: 0, identity, epoch: 7, isClean: false },
    ])
    await kept.session.write({ isClean: true })
    await kept.session.release()
    const session = await kept.table.lock({ ...wanted, identity: '3333333333333' as LogIdentity })
    assert.deepEqual(session?.log, { slot: 0, identity, epoch: 7, isClean: true })
    await session?.release()
    await kept.close()
  })

  test('a write does all of its parts, and what it wrote is read', async () => {
    const kept = await TestedDecisions.open(pool)
    const { session } = kept
    const keys = [kept.nextKey(), kept.nextKey(), kept.nextKey()]
    const rows = keys.map(committedRow)
    const record = (name: string, ...bytes: number[]): NamedRecord => ({
      name,
      record: Uint8Array.from(bytes),
    })
    const odd = record(`o'd"d {,}\\ name`, 0, 255, 92)
    await session.write({ decisions: rows, records: [odd, record('two', 2), record('three', 3)] })
    assert.deepEqual(await session.read(), {
      decisions: rows,
      records: [odd, record('three', 3), record('two', 2)],
    })
    const late = committedRow(kept.nextKey())
    await session.write({
      decisions: [late],
      records: [record('two', 9), record('two', 22)],
      removed: ['three', odd.name, 'never there'],
      settled: keys.slice(0, 2),
    })
    assert.deepEqual(await session.read(), {
      decisions: [rows[2], late],
      records: [record('two', 22)],
    })
    await session.write({})
    await kept.close()
  })

  test('a write that fails in one part leaves all of them undone, and the session in order', async () => {
    const kept = await TestedDecisions.open(pool)
    const { session } = kept
    const taken = kept.nextRow()
    await kept.presume(taken.transaction)
    const free = kept.nextRow()
    const record = { name: 'with it', record: Uint8Array.of(1) }
    await assert.rejects(session.write({ decisions: [free, taken], records: [record] }), {
      code: '23505',
    })
    assert.equal(await kept.decisionOf(free.transaction), undefined)
    assert.deepEqual((await session.read()).records, [])
    await session.write({ decisions: [free] })
    await kept.close()
  })

  test('uses at once do not get into each other’s transactions', async () => {
    const kept = await TestedDecisions.open(pool)
    const { session } = kept
    const rows = Array.from({ length: 20 }, () => kept.nextRow())
    const taken = rows[7]
    assert.ok(taken !== undefined)
    await kept.presume(taken.transaction)
    const ends = await Promise.allSettled([
      ...rows.map((row) => session.write({ decisions: [row] })),
      session.read(),
      session.removePresumed([nextKey(kept.epoch - 1)]),
    ])
    assert.deepEqual(
      ends.map(({ status }) => status === 'fulfilled'),
      ends.map((_, index) => index !== 7),
    )
    await kept.close()
  })

  test('the loss of the session is told once, and every use after it rejects', async () => {
    const kept = await TestedDecisions.open(pool)
    let losses = 0
    const lost = new Promise<unknown>((resolve) => {
      kept.session.onLost = (cause) => {
        losses += 1
        resolve(cause)
      }
    })
    await endHolders()
    assert.match(String(await lost), /terminating connection/)
    await assert.rejects(kept.session.write({}), /terminating connection/)
    await assert.rejects(kept.session.read(), /terminating connection/)
    assert.equal(losses, 1)
    await kept.close()
  })

  test('a loss before anybody listens is told to who listens then', async () => {
    const kept = await TestedDecisions.open(pool)
    await endHolders()
    await until('it is seen', async () => {
      return await kept.session.read().then(
        () => false,
        () => true,
      )
    })
    assert.match(String(await lostOf(kept.session)), /terminating connection/)
    await kept.close()
  })

  test('a release is no loss', async () => {
    const kept = await TestedDecisions.open(pool)
    let isLost = false
    kept.session.onLost = () => {
      isLost = true
    }
    await kept.session.release()
    await assert.rejects(kept.session.write({}), /released/)
    assert.equal(isLost, false)
    await kept.close()
  })

  test('a slot whose session was lost is locked again, with what was written', async () => {
    const kept = await TestedDecisions.open(pool)
    const row = kept.nextRow()
    await kept.session.write({ decisions: [row] })
    const lost = lostOf(kept.session)
    await endHolders()
    await lost
    let session: TableSession | undefined
    await until('the slot is free', async () => {
      session = await kept.table.lock(wanted)
      return session !== undefined
    })
    assert.deepEqual(session?.log, { slot: 0, identity, epoch: kept.epoch, isClean: false })
    assert.deepEqual((await session?.read())?.decisions, [row])
    await session?.release()
    await kept.close()
  })

  test('a server that hangs ends a use in bounded time, and the session with it', async () => {
    const server = await servers.shared('hanging')
    const kept = await TestedDecisions.open(servers.pool(server.url), { answerTimeoutMs: 700 })
    const lost = lostOf(kept.session)
    await server.suspend()
    await assert.rejects(kept.session.write({}), /no answer within 700 ms/)
    assert.match(String(await lost), /no answer within 700 ms/)
    await assert.rejects(kept.table.lock(wanted), /no answer|timeout|terminated/i)
    await server.resume()
    await kept.close()
  })

  test('a participant that is closed lets go of its slot', async () => {
    const kept = await TestedDecisions.open(pool)
    await kept.tested.participant.close()
    const other = await TestedParticipant.open(pool)
    const table = tableOf(other)
    let session: TableSession | undefined
    await until('the slot is free', async () => {
      session = await table.lock(wanted)
      return session !== undefined
    })
    await session?.release()
    await other.participant.close()
  })

  test('a limit on idle sessions does not end one that holds a slot', async () => {
    const database = new URL(url).pathname.slice(1)
    await pool.query(`alter database ${database} set idle_session_timeout = '300ms'`)
    try {
      const kept = await TestedDecisions.open(servers.pool(url))
      const [pid] = await backendsWithLocks()
      await until('it was idle for longer', async () => {
        const { rows } = await pool.query(
          `select clock_timestamp() - state_change > '400ms' as idle from pg_stat_activity
           where pid = $1`,
          [pid],
        )
        return rows.length === 0 || rows[0].idle
      })
      await kept.session.write({})
      await kept.close()
    } finally {
      await pool.query(`alter database ${database} reset idle_session_timeout`)
    }
  })

  /** As a pooler gives it that keeps no session: whatever server process is behind it now. */
  const pooled = (current: () => pg.Client): pg.Client =>
    new Proxy(current(), {
      get: (_, key) => {
        if (key === 'end') return async () => undefined
        const client = current()
        const value: unknown = Reflect.get(client, key, client)
        return typeof value === 'function' && key !== 'constructor' ? value.bind(client) : value
      },
    })

  const connected = async (): Promise<pg.Client> => {
    const client = new pg.Client(url)
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  test('a session that two processes reach by a pooler does not give them one slot', async () => {
    const shared = await connected()
    const options = { recovery: async () => pooled(() => shared), recoveryConnections: 1 }
    const one = await TestedDecisions.open(pool, options)
    const other = await TestedParticipant.open(pool, options)
    const locking = tableOf(other, false).lock(wanted)
    await assert.rejects(locking, {
      code: 'ASSENT_RESOURCE_REFUSED',
      message: /reach a session that another process uses, too\. A pooler/,
    })
    await other.participant.close()
    await one.close()
    await shared.end()
  })

  test('a session that a pooler moves to another server process is lost, and writes nothing', async () => {
    const places = [await connected(), await connected()]
    let at = 0
    const recovery = async (): Promise<pg.Client> => pooled(() => places[at] ?? assert.fail())
    const moved = await TestedDecisions.open(pool, { recovery })
    const lost = lostOf(moved.session)
    at = 1
    const row = moved.nextRow()
    await assert.rejects(moved.session.write({ decisions: [row] }), /division by zero/)
    assert.match(String(await lost), /reached another server process: there is a pooler/)
    assert.equal(await moved.decisionOf(row.transaction), undefined)
    await moved.close()
    for (const client of places) await client.end()
  })
})
