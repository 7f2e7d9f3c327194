/** Tiny competitions: every contestant runs, and one that breaks its promise does not get away. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { closeBank, MoneyLost, openBank } from '../../bench/commit/bank.ts'
import { contestants, playAll } from '../../bench/commit/benchmark.ts'
import { compete, type Played } from '../../bench/commit/competition.ts'
import { contestant, type OpenContestant } from '../../bench/commit/contestant.ts'
import { describeSyncs, type Syncs, syncsBetween } from '../../bench/commit/durability.ts'
import type { Pair } from '../../bench/commit/pairs.ts'
import { openPeer } from '../../bench/peers/contestants.ts'
import type { Figures, Report } from '../../bench/report.ts'
import { mariadbSuite } from '../harness/mariadb.ts'
import { PostgresServers, postgresSuite } from '../harness/postgres.ts'
import { fakePeer } from './fake-peer.ts'

const silent: Report = { line: () => undefined, progress: () => undefined }
const options = { inFlight: [1, 4], rounds: 1, seconds: 0.05, warmUp: 20 }

const unremarkable = { comparisons: [] }

type Urls = readonly [string, string]

async function playAllOver(urls: Urls, pair: Pair): Promise<Figures> {
  const open = contestants[pair]
  return await withBank(urls, (bank, directory) =>
    playAll(bank, { directory, options, open }, silent),
  )
}

async function competeOver(urls: Urls, ...open: OpenContestant[]): Promise<Played> {
  return await withBank(urls, (bank, directory) =>
    compete(bank, { directory, options, open, ...unremarkable }, silent),
  )
}

async function withBank<Value>(
  urls: Urls,
  work: (bank: Awaited<ReturnType<typeof openBank>>, directory: string) => Promise<Value>,
): Promise<Value> {
  const directory = await mkdtemp(join(tmpdir(), 'assent-bench-test-'))
  const bank = await openBank({ urls, connections: 16 })
  try {
    return await work(bank, directory)
  } finally {
    await closeBank(bank)
    await rm(directory, { recursive: true, force: true })
  }
}

/** Does what it is told with both banks. */
const cheat =
  (
    transfer: (bank: Parameters<OpenContestant>[0]['bank'], account: number) => Promise<void>,
  ): OpenContestant =>
  async ({ bank }) =>
    contestant('cheat', (account) => transfer(bank, account))

/** Adds to an account, in a transaction of its own. */
async function add(
  side: Parameters<OpenContestant>[0]['bank']['left'],
  text: string,
  account: number,
): Promise<void> {
  const client = await side.connect()
  await client.query(text, [account])
  client.release()
}

const everyRatio = ['ratios', 'ratiosLogged', 'ratiosExecute', 'ratiosParticipant']

function assertTold(figures: Figures, pair: Pair, moreRatios: readonly string[] = []): void {
  const told = [...everyRatio, ...moreRatios]
  assert.deepEqual(Object.keys(figures.ratioSpread as Figures), told)
  for (const name of [...told, 'ratiosCpu']) {
    const ratios = figures[name] as Figures
    assert.deepEqual(Object.keys(ratios), ['1', '4'], name)
    assert.ok(
      Object.values(ratios).every((ratio) => Number(ratio) > 0),
      name,
    )
  }
  const speeds = Object.values(figures.perSecond as Figures)
  assert.equal(speeds.length, contestants[pair].length)
  const latencies = figures.latencyMs as Figures
  assert.deepEqual(Object.keys(latencies), [
    ...['hand-written', 'hand-written-logged', 'assent', 'assent-execute', 'assent-participant'],
  ])
  const { left, right } = figures.syncs as Syncs
  assert.ok(Number(left) > 0 && Number(right) > 0, `${left}, ${right}`)
  assert.equal(figures.databaseSyncs, Number(left) + Number(right))
}

await postgresSuite('the competition', (servers) => {
  const databases = async (): Promise<Urls> => {
    const server = await servers.shared()
    return [await servers.database(server), await servers.database(server)]
  }

  test('lets every contestant run, and tells how ours compares', async () => {
    const pair = 'postgres+postgres'
    const figures = await playAllOver(await databases(), pair)
    assertTold(figures, pair, ['ratiosNamed'])
  })

  test('catches a server whose syncs stand still, though the other one syncs', async () => {
    const honest = cheat(async ({ left, right }, account) => {
      await Promise.all([add(left, left.payText, account), add(right, right.getText, account)])
    })
    const run = withBank(await databases(), ({ right, ...bank }, directory) => {
      const lazy = { ...bank, right: { ...right, countSyncs: () => Promise.resolve(7) } }
      const competition = { ...{ directory, options }, open: [honest], ...unremarkable }
      return compete(lazy, competition, silent)
    })
    await assert.rejects(run, /the right server counted no sync: is fsync really on\?/)
  })

  test('catches a contestant that loses money', async () => {
    const loses = cheat(({ left }, account) => add(left, left.payText, account))
    await assert.rejects(competeOver(await databases(), loses), (error) => {
      assert.ok(error instanceof MoneyLost)
      assert.match(error.message, /cheat: \d+ transfers were told committed, \d+ units left and 0/)
      return true
    })
  })

  test('catches a contestant that does nothing', async () => {
    const idles = cheat(() => Promise.resolve())
    await assert.rejects(competeOver(await databases(), idles), MoneyLost)
  })

  test('catches a contestant that leaves branches prepared', async () => {
    let isFirst = true
    const leaves = cheat(async ({ left, right }, account) => {
      const leavesOne = isFirst
      isFirst = false
      await Promise.all([add(left, left.payText, account), add(right, right.getText, account)])
      if (!leavesOne) return
      const client = await left.connect()
      await client.beginBranch('left-behind')
      await client.prepare('left-behind')
      client.release()
    })
    await assert.rejects(competeOver(await databases(), leaves), /1 branches are left prepared/)
  })

  test('catches a peer that says it has moved money that it has not', async () => {
    const lies: OpenContestant = () => openPeer(fakePeer('lies'))
    await assert.rejects(competeOver(await databases(), lies), (error) => {
      assert.ok(error instanceof MoneyLost)
      assert.match(error.message, /lies: \d+ transfers were told committed, 0 units left and 0/)
      return true
    })
  })
})

test('a server without a counter of its syncs is told of, and stands for nothing', () => {
  const syncs = syncsBetween({ left: 5, right: undefined }, { left: 9, right: undefined })
  assert.deepEqual(syncs, { left: 4, right: undefined })
  assert.equal(
    describeSyncs(syncs),
    'meanwhile the left server synced 4 times, the right server has no counter of its syncs',
  )
})

await mariadbSuite('the competition between PostgreSQL and MariaDB', (servers) => {
  const postgres = new PostgresServers()
  after(() => postgres.close())
  const databases = async (): Promise<Urls> => [
    await postgres.database(await postgres.shared()),
    await servers.database(await servers.shared()),
  ]

  test('lets every contestant run, and tells how ours compares', async () => {
    const pair = 'postgres+mariadb'
    assertTold(await playAllOver(await databases(), pair), pair)
  })

  test('catches a contestant that leaves a branch prepared at MariaDB', async () => {
    let isFirst = true
    const leaves = cheat(async ({ left, right }, account) => {
      const leavesOne = isFirst
      isFirst = false
      await Promise.all([add(left, left.payText, account), add(right, right.getText, account)])
      if (!leavesOne) return
      const client = await right.connect()
      await client.beginBranch('left-behind')
      await client.prepare('left-behind')
      client.release(true)
    })
    const urls = await databases()
    await assert.rejects(competeOver(urls, leaves), /1 branches are left prepared/)
    await withBank(urls, async ({ right }) => {
      const client = await right.connect()
      await client.undo('left-behind')
      client.release()
      assert.equal(await right.countPrepared(), 0)
    })
  })
})
