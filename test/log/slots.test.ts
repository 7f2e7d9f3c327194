import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { codeOf, isAssentError } from '../../src/core/errors.ts'
import { isLogIdentity } from '../../src/core/ids.ts'
import { readFileLogs } from '../../src/log/file/read.ts'
import { contentsOf, directory, Machine } from './machine.ts'
import { decided, force, heuristic, settled } from './records.ts'

/** Three processes open a log each, at once; some die afterwards. */
async function openThree(machine: Machine, round: number): Promise<string[]> {
  const names = ['a', 'b', 'c'].map((name) => `${name}${round}`)
  const logs = await machine.run(Promise.all(names.map((name) => machine.logs(name).open())))
  for (const name of names) if (machine.random.chance(0.5)) machine.processDied(name)
  if (machine.random.chance(0.3)) machine.powerLoss()
  return logs.map(({ identity, epoch }) => `${identity}.${epoch}`)
}

describe('slots', () => {
  test('each process has a log of its own; a free slot is taken again under the next epoch', async () => {
    const machine = new Machine()
    const one = await machine.run(machine.logs('one').open())
    const two = await machine.run(machine.logs('two').open())
    assert.ok(isLogIdentity(one.identity) && isLogIdentity(two.identity))
    assert.notEqual(one.identity, two.identity)
    assert.deepEqual([one.location, two.location], ['logs/slot-0', 'logs/slot-1'])
    machine.processDied('one')
    const three = await machine.run(machine.logs('three').open())
    assert.equal(three.identity, one.identity)
    assert.deepEqual([one.epoch, three.epoch], [1, 2])
  })

  test('A8: no two openings have the same identity and epoch, however they race and die', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const machine = new Machine(seed)
      const seen = new Set<string>()
      for (let round = 0; round < 4; round += 1) {
        for (const name of await openThree(machine, round)) seen.add(name)
      }
      assert.equal(seen.size, 12, `seed ${seed}`)
    }
  })

  test('when all are held, the error says how many there are', async () => {
    const machine = new Machine()
    await machine.run(machine.logs('one', { slots: 2 }).open())
    await machine.run(machine.logs('two', { slots: 2 }).open())
    await assert.rejects(machine.run(machine.logs('three', { slots: 2 }).open()), (error) => {
      assert.ok(isAssentError(error, 'ASSENT_LOG_BUSY'))
      assert.deepEqual(error.fields, { directory, slots: 2 })
      return true
    })
  })

  test('a slot that is free an instant later is waited for', async () => {
    const machine = new Machine()
    const log = await machine.run(machine.logs('one', { slots: 1 }).open())
    const opening = machine.logs('two', { slots: 1 }).open()
    machine.timers.set(50, () => void log.close({ clean: true }))
    assert.equal((await machine.run(opening)).epoch, 2)
  })

  test('two processes that make the directory at once make one', async () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const machine = new Machine(seed)
      const openings = ['one', 'two'].map((name) => machine.logs(name).open())
      const logs = await machine.run(Promise.all(openings))
      assert.equal(new Set(logs.map(({ location }) => location)).size, 2)
    }
  })

  test('two installations that make the directory at once: one has it, the other is refused', async () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const machine = new Machine(seed)
      const openings = ['shop', 'market'].map((installation) =>
        machine.logs(installation, { installation }).open(),
      )
      const results = await machine.run(Promise.allSettled(openings))
      const refused = results.filter(({ status }) => status === 'rejected')
      assert.equal(refused.length, 1, `seed ${seed}`)
      const [result] = refused
      assert.ok(result?.status === 'rejected')
      assert.equal(codeOf(result.reason), 'ASSENT_LOG_INCOMPATIBLE')
    }
  })

  test('options out of their range are refused, and nothing is touched', () => {
    const machine = new Machine()
    const cases = [
      [{ directory: '' }, 'log'],
      [{ installation: 'Shop' }, 'name'],
      [{ slots: 0 }, 'slots'],
      [{ slots: 1.5 }, 'slots'],
      [{ segmentBytes: 1000 }, 'segmentBytes'],
      [{ segmentBytes: 16 * 1024 + 1 }, 'segmentBytes'],
      [{ segmentBytes: 2 ** 30 }, 'segmentBytes'],
      [{ retention: { ms: -1 } }, 'retention.ms'],
      [{ retention: { bytes: Number.NaN } }, 'retention.bytes'],
    ] as const
    for (const [options, option] of cases) {
      assert.throws(
        () => machine.logs('one', options),
        (error: unknown) =>
          isAssentError(error, 'ASSENT_INVALID_OPTION') && error.fields.option === option,
        option,
      )
    }
    assert.equal(machine.operations, 0)
  })
})

describe('adoption', () => {
  test('finds the log of a process that died with work left, and recovers it', async () => {
    const machine = new Machine()
    const logs = machine.logs('survivor')
    await machine.run(logs.open())
    assert.equal(await machine.run(logs.adopt()), undefined, 'never its own')
    const dead = await machine.run(machine.logs('dead').open())
    await machine.run(force(dead, decided(1, 7)))
    assert.equal(await machine.run(logs.adopt()), undefined, 'not while it lives')
    machine.processDied('dead')
    const adopted = await machine.run(logs.adopt())
    assert.equal(adopted?.identity, dead.identity)
    assert.equal(adopted?.epoch, 2)
    assert.deepEqual(adopted?.recovered[0]?.decided, decided(1, 7))
    assert.equal(await machine.run(logs.adopt()), undefined, 'not twice')
  })

  test('finds nothing where there is no directory, and makes none', async () => {
    const machine = new Machine()
    assert.equal(await machine.run(machine.logs('one').adopt()), undefined)
    assert.equal(contentsOf(machine.disk).size, 0)
  })

  test('goes on until a log is closed with nothing left', async () => {
    const machine = new Machine()
    const logs = machine.logs('survivor')
    await machine.run(logs.open())
    await machine.run(machine.logs('dead').open())
    machine.processDied('dead')
    const first = await machine.run(logs.adopt())
    assert.ok(first !== undefined, 'prepared branches may be left, whatever the log says')
    assert.deepEqual(first.recovered, [])
    await machine.run(first.close({ clean: false }))
    const second = await machine.run(logs.adopt())
    assert.equal(second?.epoch, 3)
    await machine.run(second?.close({ clean: true }) ?? Promise.resolve())
    assert.equal(await machine.run(logs.adopt()), undefined)
  })

  test('reads a finished log once, and again only after somebody used it', async () => {
    const machine = new Machine()
    const logs = machine.logs('survivor')
    await machine.run(logs.open())
    const other = await machine.run(machine.logs('other').open())
    await machine.run(other.close({ clean: true }))
    assert.equal(await machine.run(logs.adopt()), undefined)
    let reads = 0
    machine.disk.fault = ({ kind, path }) => {
      if (kind === 'read' && path.includes('slot-1')) reads += 1
      return undefined
    }
    assert.equal(await machine.run(logs.adopt()), undefined)
    assert.equal(reads, 0)
    machine.disk.fault = undefined
    await machine.run(machine.logs('again').open())
    machine.processDied('again')
    assert.equal((await machine.run(logs.adopt()))?.epoch, 3)
  })

  test('is not stopped by a damaged log, and reports it when there is no other', async () => {
    const machine = new Machine()
    const logs = machine.logs('survivor')
    await machine.run(logs.open())
    for (const name of ['broken', 'dead']) await machine.run(machine.logs(name).open())
    machine.processDied('broken')
    machine.processDied('dead')
    for (const [path, file] of machine.disk.files()) {
      if (path.startsWith('logs/slot-1/0')) file.write(700, Uint8Array.of(1))
    }
    const adopted = await machine.run(logs.adopt())
    assert.equal(adopted?.location, 'logs/slot-2')
    await assert.rejects(machine.run(logs.adopt()), { code: 'ASSENT_LOG_CORRUPT' })
  })

  test('and a restart may race for the same log: one of them gets it', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const machine = new Machine(seed)
      const logs = machine.logs('survivor')
      await machine.run(logs.open())
      const dead = await machine.run(machine.logs('dead').open())
      await machine.run(force(dead, decided(1, 7)))
      machine.processDied('dead')
      const racing = [logs.adopt(), machine.logs('restarted').open()]
      const [adopted, restarted] = await machine.run(Promise.all(racing))
      const holders = [adopted, restarted].filter((log) => log?.identity === dead.identity)
      assert.equal(holders.length, 1, `seed ${seed}`)
      assert.equal(holders[0]?.recovered.length, 1)
    }
  })
})

describe('a reader', () => {
  test('shows every slot, held or not, and changes nothing', async () => {
    const machine = new Machine()
    const one = await machine.run(machine.logs('one').open())
    const two = await machine.run(machine.logs('two').open())
    const three = await machine.run(machine.logs('three').open())
    const resource = { name: 'orders', kind: 'postgres', fingerprint: 'f' }
    await machine.run(force(one, { type: 'resource', number: 1, ...resource }))
    await machine.run(force(one, decided(1, 1)))
    one.append(settled(1, 1))
    await machine.run(force(one, heuristic(1, 2, 'hazard')))
    const by = { by: 'ada', reason: 'seen', wallMs: 5 }
    const act = { type: 'forgotten', transaction: { epoch: 1, counter: 9 }, ...by } as const
    await machine.run(force(one, act))
    await machine.run(two.close({ clean: false }))
    await machine.run(three.close({ clean: true }))
    const before = contentsOf(machine.disk)
    const port = machine.port('cli')
    const reading = await machine.run(readFileLogs(port, directory))
    assert.deepEqual(contentsOf(machine.disk), before)
    assert.equal(reading?.installation, 'shop')
    const shown = reading?.slots.map(({ slot, isHeld, log }) => [slot, isHeld, log?.closed])
    assert.deepEqual(shown, [
      [0, true, undefined],
      [1, false, 'with-work-left'],
      [2, false, 'clean'],
    ])
    const log = reading?.slots[0]?.log
    assert.equal(log?.identity, one.identity)
    assert.equal(log?.epoch, 1)
    assert.deepEqual(log?.resources, [{ type: 'resource', number: 1, ...resource }])
    assert.deepEqual(log?.acts, [act])
    assert.equal(log?.unfinished[0]?.heuristics[0]?.kind, 'hazard')
    assert.equal(log?.outcome({ epoch: 1, counter: 1 }), 'committed')
    assert.equal(log?.retainedOutcomes, 1)
  })

  test('reads a log in full use: files come and go, and what it shows was durable', async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const machine = new Machine(seed)
      const log = await machine.run(machine.logs('one').open())
      let promised = 0
      const commit = async (): Promise<void> => {
        for (let counter = 1; counter <= 300; counter += 1) {
          await force(log, decided(1, counter))
          promised = counter
        }
      }
      const port = machine.port('cli')
      const work = commit()
      const shown: number[] = []
      for (let look = 0; look < 12; look += 1) {
        const atLeast = promised
        const reading = await machine.run(readFileLogs(port, directory))
        const found = reading?.slots[0]
        assert.equal(found?.problem, undefined, `seed ${seed}: ${found?.problem}`)
        const count = found?.log?.unfinished.length ?? 0
        assert.ok(count >= atLeast, `seed ${seed}: ${count} of ${atLeast}`)
        shown.push(count)
      }
      await machine.run(work)
      assert.ok((shown.at(-1) ?? 0) > 0)
    }
  })

  test('where there is no log, says so', async () => {
    const machine = new Machine()
    assert.equal(await machine.run(readFileLogs(machine.port('cli'), directory)), undefined)
  })
})
