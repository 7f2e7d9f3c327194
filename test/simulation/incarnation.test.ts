import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { createSimulatedDisk } from '../../src/simulation/disk.ts'
import { Incarnation } from '../../src/simulation/process/incarnation.ts'
import { Stage } from './stage.ts'

function born(stage: Stage, deaths: string[] = []): Incarnation {
  const { scheduler, random } = stage
  const disk = createSimulatedDisk({ random, delay: (run) => scheduler.after(0.1, run) })
  return new Incarnation({
    name: 'p0.0',
    scheduler,
    random: random.fork('p0.0'),
    disk: disk.portFor('p0.0'),
    skewMs: () => 0,
    onDeath: (why) => deaths.push(why),
  })
}

describe('one life of a process', () => {
  test('its clock starts with it, and its timers run in time', async () => {
    const stage = new Stage()
    await stage.run(500)
    const incarnation = born(stage)
    const ran: number[] = []
    incarnation.timers.set(100, () => ran.push(incarnation.clock.monotonicMs()))
    incarnation.timers.clear(incarnation.timers.set(50, () => ran.push(-1)))
    await stage.run()
    assert.equal(ran.length, 1)
    assert.ok((ran[0] ?? 0) >= 100 && (ran[0] ?? 0) < 110, `ran at ${ran[0]}`)
  })

  test('when it dies its ports fall silent', async () => {
    const stage = new Stage()
    const deaths: string[] = []
    const incarnation = born(stage, deaths)
    const done: string[] = []
    incarnation.timers.set(10, () => done.push('timer'))
    void incarnation.sleep(10).then(() => done.push('sleep'))
    incarnation.die('of a test')
    incarnation.die('again')
    await stage.run()
    assert.deepEqual([done, deaths, incarnation.act('send')], [[], ['of a test'], false])
  })

  test('dies just before or just after the effect that was chosen', () => {
    const carriedOut = new Set<number>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const incarnation = born(new Stage(seed))
      incarnation.dieAtEffect(3)
      const effects = [1, 2, 3, 4].filter((each) => incarnation.act(`effect ${each}`))
      assert.ok(incarnation.isDead)
      carriedOut.add(effects.length)
    }
    assert.deepEqual([...carriedOut].sort(), [2, 3])
  })
})
