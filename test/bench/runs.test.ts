/** Tiny runs: the benchmarks work. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type BenchOptions, parseOptions } from '../../bench/command-line.ts'
import { cutsOf } from '../../bench/coordinator/growth.ts'
import { describeSurroundings, lookAround, type Surroundings } from '../../bench/machine.ts'
import { recoverDatabases } from '../../bench/recovery/databases.ts'
import { recoverIdle } from '../../bench/recovery/idle.ts'
import type { Figures } from '../../bench/report.ts'
import { repository, run } from '../../scripts/command.ts'
import { postgresSuite } from '../harness/postgres.ts'

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
    const { transactions, upTo, retainedOutcomes, bytesInMemory } = growth as Figures
    const { cpuMicroseconds, ratioToNew, ratioSpread } = growth as Figures
    assert.equal(transactions, 500)
    assert.deepEqual(upTo, cutsOf(500))
    for (const each of [cpuMicroseconds, ratioToNew, ratioSpread] as number[][]) {
      assert.equal(each.length, 10)
    }
    assert.ok(Number(retainedOutcomes) <= 500, `${retainedOutcomes}, of this run alone`)
    assert.ok(Number(bytesInMemory) > 0, `${bytesInMemory}`)
    assert.match(output, /^a forced write on the log's disk: [\d.]+ ms/m)
    const { machine, versions } = lastLine(output) as unknown as Surroundings
    assert.ok(machine.cores >= 1 && machine.forcedWriteMs > 0)
    assert.deepEqual(versions, { Node: process.versions.node })
  })

  test('what is measured is named with its version', async () => {
    const options = parseOptions(['commit', '--pair', 'postgres+postgres']) as BenchOptions
    const surroundings = await lookAround(options)
    assert.deepEqual(Object.keys(surroundings.versions), ['Node', 'PostgreSQL', 'node-postgres'])
    const [, programs] = describeSurroundings(surroundings)
    const form = /^Node [\d.]+, PostgreSQL \d+\.\d+, node-postgres \d+\.\d+\.\d+$/
    assert.match(programs ?? '', form)
  })

  test('recovery tells of every restart, and of all together', async () => {
    const given = ['--transactions', '20', '--rounds', '1', '--prepared', '0']
    const { exitCode, output } = await bench('recovery', ...given, '--json')
    assert.equal(exitCode, 0, output)
    assert.match(output, /^ +1, its code cold( +\d+\.\d+){3}$/m)
    const { idle } = lastLine(output)
    const { transactions, rounds, restarts } = idle as Figures
    assert.deepEqual([transactions, rounds, (restarts as unknown[]).length], [20, 1, 1])
  })

  test('input that can not be used ends with 2, and help with 0', async () => {
    const refused = await bench('coordinator', '--rounds', 'many')
    assert.equal(refused.exitCode, 2)
    assert.match(refused.output, /--rounds must be a number/)
    assert.equal((await bench('--help')).exitCode, 0)
  })

  test('peers without Maven or a JDK says so in a line, and is no failure', async () => {
    const here = { tool: process.execPath, arguments: ['bench/main.ts', 'peers', '--json'] }
    const { exitCode, output } = await run({ ...here, environment: { PATH: '' } }, repository)
    assert.equal(exitCode, 0, output)
    assert.match(output, /^skipped: .*no java, no javac, no mvn here: install Maven and a JDK/m)
    assert.match(String(lastLine(output).skipped), /install Maven/)
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
  const { deliveredSeconds, allSeconds, cpuSeconds } = await recoverIdle(inDoubt)
  assert.ok(allSeconds >= deliveredSeconds)
  assert.ok(cpuSeconds > 0)
})

await postgresSuite('recovery at two databases', (servers) => {
  test('releases their locks', async () => {
    const server = await servers.shared()
    const urls = [await servers.database(server), await servers.database(server)] as const
    const inDoubt = { urls, directory: await newDirectory(), prepared: 10, orphanIntervalMs }
    const { deliveredSeconds, allSeconds } = await recoverDatabases(inDoubt)
    assert.ok(allSeconds >= deliveredSeconds)
  })
})
