/** Tiny runs: the benchmarks work, and a contestant that breaks its promise does not get away. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { openAssent, openAssentExecute } from '../../bench/commit/assent.ts'
import { closeBank, MoneyLost, openBank } from '../../bench/commit/bank.ts'
import { compete } from '../../bench/commit/benchmark.ts'
import type { Contestant, OpenContestant } from '../../bench/commit/contestant.ts'
import { openHandWritten, openHandWrittenLogged } from '../../bench/commit/hand-written.ts'
import { openUnprotected } from '../../bench/commit/unprotected.ts'
import { recoverDatabases } from '../../bench/recovery/databases.ts'
import { recoverIdle } from '../../bench/recovery/idle.ts'
import type { Figures, Report } from '../../bench/report.ts'
import { repository, run } from '../../scripts/command.ts'
import { postgresSuite } from '../harness/postgres.ts'

const silent: Report = { line: () => undefined, progress: () => undefined }

async function bench(...given: string[]): Promise<{ exitCode: number | null; output: string }> {
  return await run({ tool: 'node', arguments: ['bench/main.ts', ...given] }, repository)
}

function lastLine(output: string): Figures {
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Figures
}

describe('npm run bench', () => {
  test('coordinator measures what it is asked to, and ends with its figures', async () => {
    const given = [
      '--seconds',
      '0.05',
      '--rounds',
      '1',
      '--in-flight',
      '1,20',
      '--transactions',
      '500',
    ]
    const { exitCode, output } = await bench('coordinator', ...given, '--json')
    assert.equal(exitCode, 0, output)
    const { perSecond, forcedWritesPerTransaction, activeBytes, growth } = lastLine(output)
    assert.deepEqual(Object.keys(perSecond as Figures), ['1', '20'])
    assert.equal((forcedWritesPerTransaction as Figures)['1'], 1)
    assert.ok(Number(activeBytes) > 0)
    assert.equal((growth as Figures).transactions, 500)
  })

  test('input that can not be used ends with 2, and help with 0', async () => {
    const refused = await bench('coordinator', '--rounds', 'many')
    assert.equal(refused.exitCode, 2)
    assert.match(refused.output, /--rounds must be a number/)
    assert.equal((await bench('--help')).exitCode, 0)
  })
})

const directories: string[] = []
after(async () => {
  for (const directory of directories) await rm(directory, { recursive: true, force: true })
})

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'assent-bench-test-'))
  directories.push(directory)
  return directory
}

const orphanIntervalMs = 50

test('recovery works the whole backlog off', async () => {
  const inDoubt = { directory: await newDirectory(), transactions: 100, orphanIntervalMs }
  const { decided, deliveredSeconds, allSeconds } = await recoverIdle(inDoubt, silent)
  assert.equal(decided, 50)
  assert.ok(Number(allSeconds) >= Number(deliveredSeconds))
})

await postgresSuite('the competition', (servers) => {
  const competeOver = async (...open: OpenContestant[]): Promise<Figures> => {
    const server = await servers.shared()
    const urls = [await servers.database(server), await servers.database(server)] as const
    const bank = await openBank({ urls, connections: 4 })
    const directory = await newDirectory()
    try {
      const options = { inFlight: [1, 4], rounds: 1, seconds: 0.05 }
      return await compete(bank, { directory, options, open }, silent)
    } finally {
      await closeBank(bank)
    }
  }

  test('lets every contestant run, and tells how ours compares', async () => {
    const open = [
      openUnprotected,
      openHandWritten,
      openHandWrittenLogged,
      openAssent,
      openAssentExecute,
    ]
    const figures = await competeOver(...open)
    for (const name of ['ratios', 'ratiosLogged', 'ratiosExecute', 'ratiosCpu']) {
      const ratios = figures[name] as Figures
      assert.deepEqual(Object.keys(ratios), ['1', '4'], name)
      assert.ok(
        Object.values(ratios).every((ratio) => Number(ratio) > 0),
        name,
      )
    }
    const speeds = Object.values(figures.perSecond as Figures)
    assert.equal(speeds.length, open.length)
    assert.deepEqual(Object.keys(figures.latencyMs as Figures), ['hand-written', 'assent'])
  })

  test('recovery releases the locks of two databases', async () => {
    const server = await servers.shared()
    const urls = [await servers.database(server), await servers.database(server)] as const
    const inDoubt = { urls, directory: await newDirectory(), prepared: 10, orphanIntervalMs }
    const figures = await recoverDatabases(inDoubt, silent)
    assert.ok(Number(figures.allSeconds) >= Number(figures.deliveredSeconds))
  })

  /** Does what `transfer` says with both banks, under a name that ours is compared with. */
  const cheat =
    (transfer: (bank: Parameters<OpenContestant>[0]['bank'], account: number) => Promise<void>) =>
    async ({ bank }: Parameters<OpenContestant>[0]): Promise<Contestant> => ({
      name: 'cheat',
      transfer: (account) => transfer(bank, account),
      forcedWrites: () => 0,
      close: () => Promise.resolve(),
    })

  test('catches a contestant that loses money', async () => {
    const loses = cheat(async ({ left }, account) => {
      await left.query('update account set balance = balance - 1 where id = $1', [account])
    })
    await assert.rejects(competeOver(loses), (error) => {
      assert.ok(error instanceof MoneyLost)
      assert.match(error.message, /cheat: \d+ transfers were told committed, \d+ units left and 0/)
      return true
    })
  })

  test('catches a contestant that does nothing', async () => {
    await assert.rejects(competeOver(cheat(() => Promise.resolve())), MoneyLost)
  })

  test('catches a contestant that leaves branches prepared', async () => {
    let isFirst = true
    const leaves = cheat(async ({ left, right }, account) => {
      const leavesOne = isFirst
      isFirst = false
      const amounts = [
        [left, -1],
        [right, 1],
      ] as const
      for (const [pool, amount] of amounts) {
        const text = 'update account set balance = balance + $2 where id = $1'
        await pool.query(text, [account, amount])
      }
      const client = await left.connect()
      if (leavesOne) {
        await client.query('begin')
        await client.query("prepare transaction 'left-behind'")
      }
      client.release()
    })
    await assert.rejects(competeOver(leaves), /1 branches are left prepared/)
  })
})
