/** What needs no Java: finding it, speaking with another process, and reading what it says. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Throughput } from '../../bench/load.ts'
import { command, PeerFailed, readAnswer, readReady } from '../../bench/peers/answers.ts'
import { JavaMissing, locateJava } from '../../bench/peers/build.ts'
import { Peer } from '../../bench/peers/peer.ts'
import { summaryOf } from '../../bench/peers/result.ts'
import { peerVersions } from '../../bench/peers/versions.ts'
import { repository, run } from '../../scripts/command.ts'
import { until } from '../harness/until.ts'
import { type Behaviour, fakePeer } from './fake-peer.ts'

describe('what a peer is told and answers', () => {
  test('a command has all limits, given or not', () => {
    assert.equal(command('transfer', 16, { seconds: 0.5, count: 9 }), 'run transfer 16 0.5 9')
    assert.match(command('idle', 1, { count: 9 }), /^run idle 1 \d+ 9$/)
    assert.match(command('idle', 1, { seconds: 2 }), /^run idle 1 2 \d+$/)
  })

  test('figures are those of a turn', () => {
    const line = '{"transactions":500,"seconds":2.5,"cpuSeconds":0.1,"forcedWrites":20}'
    assert.deepEqual(readAnswer('it', line), {
      transactions: 500,
      seconds: 2.5,
      perSecond: 200,
      cpuMicroseconds: 200,
      forcedWrites: 20,
    })
    const untold = line.replace('20}', 'null}')
    assert.ok(Number.isNaN(readAnswer('it', untold).forcedWrites))
  })

  test('an answer that can not be meant is refused', () => {
    const refusals: [string, RegExp][] = [
      ['{"error":"no disk"}', /^it: no disk$/],
      ['a thousand', /it said what is no answer: a thousand/],
      ['7', /no answer: 7/],
      ['{}', /without figures/],
      ['{"transactions":-1,"seconds":1,"cpuSeconds":1}', /without figures/],
      ['{"transactions":1.5,"seconds":1,"cpuSeconds":1}', /what can't be/],
      ['{"transactions":1,"seconds":0,"cpuSeconds":1}', /what can't be/],
    ]
    for (const [line, message] of refusals) {
      assert.throws(() => readAnswer('it', line), { name: 'PeerFailed', message }, line)
    }
    assert.throws(() => readReady('it', '{"ready":"another"}'), /it began with/)
    assert.throws(() => readReady('it', '{"error":"no disk"}'), /it: no disk/)
  })
})

function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0)
  } catch {
    return true
  }
}

describe('a peer in another process', () => {
  test('runs turn after turn in the same process, and its forced writes add up', async () => {
    const peer = await Peer.start(fakePeer('lies'))
    const entrant = peer.entrant('idle')
    assert.equal((await entrant.run(1, { seconds: 0.5 })).transactions, 10)
    const { transactions, perSecond } = await entrant.run(3, { seconds: 2 })
    assert.deepEqual([transactions, perSecond], [30, 15])
    assert.equal(entrant.forcedWrites(), 10)
    await peer.end()
    await assert.rejects(entrant.run(1, { seconds: 1 }), /lies ended with 0/)
  })

  const failures: [Behaviour, RegExp][] = [
    ['fails', /fails: idle can't be done/],
    ['dies', /dies ended with 7:\nout of memory/],
    ['mumbles', /mumbles said what is no answer: well, about a thousand/],
  ]
  for (const [behaviour, message] of failures) {
    test(`one that ${behaviour} is a failure that says why`, async () => {
      const peer = await Peer.start(fakePeer(behaviour))
      try {
        await assert.rejects(peer.entrant('idle').run(1, { seconds: 0.1 }), (error) => {
          assert.ok(error instanceof PeerFailed)
          assert.match(error.message, message)
          return true
        })
      } finally {
        await peer.end()
      }
    })
  }

  test('one that does not end when it is told to is killed', async () => {
    const peer = await Peer.start({ ...fakePeer('lingers'), endLimitMs: 50 })
    const pid = peer.pid ?? 0
    assert.ok(process.kill(pid, 0))
    await peer.end()
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  })

  test('one that lingers ends with the process that started it, however that ends', async () => {
    const owner = { tool: 'node', arguments: ['test/bench/peer-owner-process.ts'] }
    const { exitCode, output } = await run(owner, repository)
    assert.equal(exitCode, 130, output)
    await until('the peer has ended', () => isGone(Number(output)))
  })

  test('one that does not start says why, and so does one that is not there', async () => {
    await assert.rejects(
      Peer.start(fakePeer('does-not-start')),
      /ended with 3:\nno place for a log/,
    )
    const missing = { ...fakePeer('lies'), program: join(tmpdir(), 'no-such-program') }
    await assert.rejects(Peer.start(missing), /lies .*ENOENT/)
  })
})

describe('finding Java', () => {
  test('what is missing is named, with what to install', async () => {
    await assert.rejects(locateJava({ PATH: '' }), (error) => {
      assert.ok(error instanceof JavaMissing)
      assert.match(error.message, /no java, no javac, no mvn here: install Maven and a JDK/)
      return true
    })
  })

  test('a Java that is too old is refused by its version', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'assent-bench-test-'))
    try {
      for (const name of ['java', 'javac', 'mvn']) {
        const path = join(folder, name)
        await writeFile(path, `#!/bin/sh\necho 'openjdk version "11.0.2" 2019-01-15' >&2\n`)
        await chmod(path, 0o755)
      }
      await assert.rejects(locateJava({ PATH: folder }), /from version 17, and .* is 11/)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

test('the peers are named with the versions that are built', async () => {
  const versions = await peerVersions()
  const names = ['Narayana', "Artemis' journal", 'Atomikos', 'PostgreSQL JDBC']
  assert.deepEqual(Object.keys(versions), names)
  for (const version of Object.values(versions)) assert.match(version, /^\d+\.\d+\.\d+/)
})

test('a summary has the ratios to each peer that took part, with their extremes', () => {
  const turns = new Map(
    Object.entries({
      assent: [200, 300, 100],
      'assent-execute': [400, 300, 500],
      narayana: [100, 100, 100],
    }).map(([name, each]) => [name, each.map(turn)] as const),
  )
  const { ratioSpread, perSecondSpread, ...figures } = summaryOf([
    { inFlight: 16, turns, ownWrites: new Map() },
  ])
  assert.deepEqual(figures.ratios, { narayana: { 16: 2 } })
  assert.deepEqual(figures.ratiosExecute, { narayana: { 16: 4 } })
  assert.deepEqual(figures.ratiosCpu, { narayana: { 16: 0.5 } })
  assert.ok(!('ratiosParticipant' in figures))
  assert.deepEqual(ratioSpread, {
    ratios: { narayana: { 16: [1, 3] } },
    ratiosExecute: { narayana: { 16: [3, 5] } },
    ratiosCpu: { narayana: { 16: [0.333, 1] } },
    ratiosCpuExecute: { narayana: { 16: [0.2, 0.333] } },
  })
  assert.deepEqual(perSecondSpread, {
    assent: { 16: [100, 300] },
    'assent-execute': { 16: [300, 500] },
    narayana: { 16: [100, 100] },
  })
})

function turn(perSecond: number): Throughput {
  const cpuMicroseconds = 1e6 / perSecond
  return { transactions: perSecond, seconds: 1, perSecond, cpuMicroseconds }
}

test('what Maven builds is ignored by git', async () => {
  const given = ['check-ignore', '--quiet', 'bench/peers/dist/peers.jar']
  const { exitCode, output } = await run({ tool: 'git', arguments: given }, repository)
  assert.equal(exitCode, 0, output)
})
