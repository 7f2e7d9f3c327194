import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { codeOf, isAssentError } from '../../../src/core/errors.ts'
import { isLogIdentity } from '../../../src/core/ids.ts'
import { adopt, decided, force, key, Machine, stock } from './machine.ts'

describe('slots of a decision table', () => {
  test('each process has a log of its own; a free slot is taken again under the next epoch', async () => {
    const machine = new Machine()
    const first = machine.process()
    const one = await first.logs.open()
    const two = await machine.process().logs.open()
    assert.ok(isLogIdentity(one.identity) && isLogIdentity(two.identity))
    assert.notEqual(one.identity, two.identity)
    assert.deepEqual(
      [one.location, two.location],
      ['memory:orders, slot 0', 'memory:orders, slot 1'],
    )
    await first.kill()
    const three = await machine.process().logs.open()
    assert.equal(three.identity, one.identity)
    assert.deepEqual([one.epoch, three.epoch], [1, 2])
    assert.deepEqual([one.closedCleanly, three.closedCleanly], [true, false])
    const identities = await machine.process().logs.identities()
    assert.deepEqual([...identities], [one.identity, two.identity])
  })

  test('when all are held, the error says how many there are', async () => {
    const machine = new Machine()
    await machine.process({ slots: 1 }).logs.open()
    await assert.rejects(machine.process({ slots: 1 }).logs.open(), (error) => {
      assert.ok(isAssentError(error, 'ASSENT_LOG_BUSY'))
      assert.deepEqual(error.fields, { directory: 'memory:orders', slots: 1 })
      return true
    })
  })

  test('one that was closed cleanly is not adopted; one whose process died is', async () => {
    const machine = new Machine()
    const [dying, orderly, sibling] = [machine.process(), machine.process(), machine.process()]
    const left = await dying.logs.open()
    const closed = await orderly.logs.open()
    await sibling.logs.open()
    assert.equal(await adopt(machine, sibling.logs), undefined)
    await closed.close({ clean: true })
    assert.equal(await adopt(machine, sibling.logs), undefined)
    await dying.kill()
    const adopted = await adopt(machine, sibling.logs)
    assert.equal(adopted?.identity, left.identity)
    assert.equal(adopted.epoch, left.epoch + 1)
    assert.equal(await adopt(machine, sibling.logs), undefined, 'it is held here')
    await adopted.close({ clean: true })
    assert.equal(await adopt(machine, sibling.logs), undefined, 'nothing was left of it')
  })

  test('one whose process has only lost its session is not taken from it', async () => {
    const machine = new Machine()
    const [living, sibling] = [machine.process(), machine.process()]
    const log = await living.logs.open()
    await sibling.logs.open()
    machine.table.breakSession()
    assert.equal(await sibling.logs.adopt(), undefined, 'it has just become free')
    await machine.time.advance(4_000)
    assert.equal(await sibling.logs.adopt(), undefined, 'its process has it again')
    machine.table.breakSession()
    assert.equal(await sibling.logs.adopt(), undefined, 'free anew')
    await machine.time.advance(4_000)
    assert.equal(log.failure, undefined)
    assert.equal(machine.table.log().epoch, 1)
  })

  test('one that was closed with work left is adopted', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    await log.close({ clean: false })
    assert.equal((await adopt(machine, machine.process().logs))?.identity, log.identity)
  })

  test('one that can not be read hides no other, and is told', async () => {
    const machine = new Machine()
    const [one, two, sibling] = [machine.process(), machine.process(), machine.process()]
    await one.logs.open()
    const second = await two.logs.open()
    await sibling.logs.open()
    await one.kill()
    await two.kill()
    machine.table.log(0).records.set('resource:0', new Uint8Array([1, 99]))
    assert.equal((await adopt(machine, sibling.logs))?.identity, second.identity)
    await assert.rejects(adopt(machine, sibling.logs), (error) => {
      assert.ok(isAssentError(error, 'ASSENT_LOG_INCOMPATIBLE'))
      assert.equal(error.fields.file, 'memory:orders, slot 0, record resource:0')
      return true
    })
    assert.equal(machine.table.log(0).holder, undefined, 'its lock is given back')
  })

  test('a record that is cut short is damage, told with its place, and changes nothing', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    force(log, stock)
    await machine.time.advance(0)
    await process.kill()
    const bytes = machine.table.log().records.get('resource:0') ?? new Uint8Array()
    machine.table.log().records.set('resource:0', bytes.subarray(0, bytes.length - 1))
    await assert.rejects(machine.process().logs.open(), (error) => {
      assert.ok(isAssentError(error, 'ASSENT_LOG_CORRUPT'))
      return true
    })
    assert.equal(machine.table.log().epoch, 1)
  })

  test('a log of a later format is refused as that', async () => {
    const machine = new Machine()
    const process = machine.process()
    await process.logs.open()
    await process.kill()
    machine.table.log().records.set('low-water', new Uint8Array([2]))
    await assert.rejects(machine.process().logs.open(), { code: 'ASSENT_LOG_INCOMPATIBLE' })
  })

  test('an epoch is durable before anyone sees it: an opening that fails may have spent one', async () => {
    const machine = new Machine()
    machine.table.faultOf = (request) => (request === 'write' ? 'lost-after' : undefined)
    await assert.rejects(machine.process().logs.open(), { code: 'ASSENT_LOG_FAILED' })
    machine.table.faultOf = () => undefined
    assert.equal((await machine.process().logs.open()).epoch, 2)
  })

  test('opening does not wait for ever for a database that hangs', async () => {
    for (const hanging of ['prepare', 'lock', 'read', 'write'] as const) {
      const machine = new Machine()
      machine.table.faultOf = (request) => (request === hanging ? 'hangs-before' : undefined)
      let thrown: unknown
      const opening = machine
        .process()
        .logs.open()
        .catch((cause: unknown) => {
          thrown = cause
        })
      await machine.time.advance(10_000)
      await opening
      assert.equal(codeOf(thrown), 'ASSENT_LOG_FAILED', hanging)
      machine.table.faultOf = () => undefined
      await machine.process().logs.open()
      assert.equal(machine.table.log().slot, 0, 'the slot is free again')
    }
  })

  test('what is no name, number or time is refused before anything is asked', () => {
    const machine = new Machine()
    for (const option of [
      { installation: 'Shop' },
      { slots: 0 },
      { slots: 1.5 },
      { retention: { ms: -1 } },
      { retention: { bytes: Number.NaN } },
    ]) {
      assert.throws(() => machine.process(option), { code: 'ASSENT_INVALID_OPTION' })
    }
    assert.deepEqual(machine.table.asked, [])
  })

  test('closing gives the slot up although the database hangs, and it stays unclean', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    machine.table.faultOf = (request) => (request === 'write' ? 'hangs-before' : undefined)
    const last = force(log, decided(key(log, 1)))
    const closing = log.close({ clean: true })
    await machine.time.advance(20_000)
    await closing
    assert.equal(codeOf(last.state), 'ASSENT_LOG_FAILED')
    assert.equal(machine.table.log().isClean, false)
    assert.equal(machine.table.log().holder, undefined)
  })
})
