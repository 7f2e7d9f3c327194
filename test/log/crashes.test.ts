import assert from 'node:assert/strict'
import { test } from 'node:test'

import { codeOf } from '../../src/core/errors.ts'
import type { DecisionLog } from '../../src/log/contract.ts'
import type { DiskFault, DiskOperation } from '../../src/simulation/disk.ts'
import { Machine } from './machine.ts'
import { Witness } from './witness.ts'

type Trouble = 'power' | 'death' | DiskFault

/** One life of the log after another, each ended by something at a disk operation drawn at random. */
async function liveThrough(
  seed: number,
  lives: number,
  troubles: readonly Trouble[],
): Promise<{ witness: Witness; machine: Machine; opened: number }> {
  const machine = new Machine(seed)
  const { random } = machine
  const witness = new Witness()
  let opened = 0
  for (let life = 1; life <= lives; life += 1) {
    const where = `seed ${seed}, life ${life}`
    const isLast = life === lives
    plan(machine, isLast ? undefined : random.pick(troubles), random.integer(1, 160))
    const logs = machine.logs('one')
    const opening = await machine.runUntilDead(
      logs.open().catch((error: unknown) => {
        const isTrouble = ['EIO', 'ENOSPC', 'EMFILE'].includes(codeOf(causeOf(error)) ?? '')
        assert.ok(isTrouble && !isLast, `${where}: ${String(error)}`)
        return undefined
      }),
    )
    const log = opening?.value
    if (log !== undefined) {
      opened += 1
      witness.check(log, where)
      await work(machine, witness, log, random.integer(0, 40))
    }
    plan(machine, undefined, 0)
    // A process that gave up with an error dies as well; what it wrote stays in the page cache.
    if (random.chance(0.5) && !isLast) machine.powerLoss()
    else machine.processDied('one')
    machine.disk.capacityBytes = Number.POSITIVE_INFINITY
    await machine.settle()
  }
  return { witness, machine, opened }
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined
}

async function work(
  machine: Machine,
  witness: Witness,
  log: DecisionLog,
  turns: number,
): Promise<void> {
  const { random } = machine
  for (let turn = 0; turn < turns; turn += 1) {
    const acts: Promise<void>[] = []
    for (let count = random.integer(0, 3); count >= 0; count -= 1) {
      acts.push(witness.act(log, random))
    }
    if ((await machine.runUntilDead(Promise.all(acts))) === undefined) return
    if (random.chance(0.1)) await machine.settle()
  }
  if (random.chance(0.3)) {
    await machine.runUntilDead(log.close({ clean: random.chance(0.5) }))
  }
}

/** Lets `trouble` come at the disk operation with this number, counted from now on. */
function plan(machine: Machine, trouble: Trouble | undefined, at: number): void {
  let count = 0
  machine.disk.fault = ({ kind }: DiskOperation) => {
    machine.operations += 1
    count += 1
    if (trouble === undefined || count !== at) return undefined
    if (trouble === 'power') machine.powerLoss()
    else if (trouble === 'death') machine.processDied('one')
    else if (trouble !== 'ENOSPC' || kind === 'write' || kind === 'create') return trouble
    return undefined
  }
}

test('250 seeds of power cuts and deaths lose nothing promised, and add nothing', async () => {
  let promises = 0
  let opened = 0
  for (let seed = 1; seed <= 250; seed += 1) {
    const run = await liveThrough(seed, 5, ['power', 'power', 'death'])
    promises += run.witness.promises
    opened += run.opened
  }
  assert.ok(promises > 10_000 && opened > 800, `${promises} promises, ${opened} openings`)
})

test('150 seeds with errors of the disk as well', async () => {
  let promises = 0
  for (let seed = 1001; seed <= 1150; seed += 1) {
    const { witness } = await liveThrough(seed, 5, ['power', 'death', 'EIO', 'ENOSPC', 'EMFILE'])
    promises += witness.promises
  }
  assert.ok(promises > 5_000, `${promises}`)
})

test('a cut at every single operation of one life: opening, turning, checkpoint, close', async () => {
  const script = async (cutAt: number): Promise<number> => {
    const machine = new Machine(77)
    const witness = new Witness()
    const life = async (): Promise<void> => {
      const log = await machine.run(machine.logs().open())
      witness.check(log, 'the first opening')
      for (let turn = 1; turn <= 50; turn += 1) {
        await machine.run(Promise.all([0, 1].map(() => witness.act(log, machine.random))))
      }
      await machine.run(log.close({ clean: false }))
    }
    plan(machine, cutAt % 2 === 0 ? 'power' : 'death', cutAt)
    await life().catch((error: Error) => assert.match(error.message, /nothing is left to run/))
    const operations = machine.operations
    machine.processDied('one')
    await machine.settle()
    plan(machine, undefined, 0)
    for (const again of ['second', 'third']) {
      const log = await machine.run(machine.logs().open())
      witness.check(log, `cut at operation ${cutAt}, the ${again} opening`)
      machine.powerLoss()
    }
    return operations
  }
  const operations = await script(Number.POSITIVE_INFINITY)
  assert.ok(operations > 150, `${operations} operations`)
  for (let cutAt = 1; cutAt <= operations; cutAt += 1) await script(cutAt)
})

test('one seed, one history', async () => {
  const history = async (seed: number): Promise<string> => {
    const { machine, witness } = await liveThrough(seed, 5, ['power', 'death', 'EIO'])
    const files = [...machine.disk.files()].map(([path, file]) => [
      path,
      Buffer.from(file.read(0, file.sizeBytes)).toString('base64'),
    ])
    return JSON.stringify([machine.operations, witness.promises, files])
  }
  for (const seed of [3, 4, 5]) assert.equal(await history(seed), await history(seed))
  assert.notEqual(await history(3), await history(4))
})
