/** Each checker of the log sees the breach that it is there for, and passes what is right. */
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'

import type { Decision } from '../../src/core/decision.ts'
import type { LogIdentity, TransactionId, TransactionKey } from '../../src/core/ids.ts'
import type { DecisionLog, LogRecord } from '../../src/log/contract.ts'
import { DurableRecords } from '../../src/simulation/checkers/durable-records.ts'
import { watchedLogs } from '../../src/simulation/checkers/log-watch.ts'
import { Owners } from '../../src/simulation/checkers/owners.ts'
import { DiskFaults } from '../../src/simulation/disk-faults.ts'
import type { Surroundings } from '../../src/simulation/surroundings.ts'
import { Machine as LogMachine } from '../log/machine.ts'
import { decided, force, intent } from '../log/records.ts'
import { Machine, Stage } from './stage.ts'

const identity = '0123456789abc' as LogIdentity

describe('who holds a log', () => {
  let stage: Stage
  let owners: Owners
  const [one, other] = [new Machine('p0.0'), new Machine('p1.0')]

  beforeEach(() => {
    stage = new Stage()
    owners = new Owners(stage.broken)
    one.isDead = false
    owners.opened(identity, 1, one)
  })

  test('A8: it is opened while its holder lives', () => {
    owners.opened(identity, 2, other)
    assert.deepEqual(stage.rules, ['A8'])
  })

  test('A8: it is opened twice under one epoch', () => {
    one.isDead = true
    owners.opened(identity, 1, other)
    assert.deepEqual(stage.rules, ['A8'])
  })

  test('A7: a branch of it is touched by another than its holder', () => {
    owners.touched(identity, one, 'commits x')
    assert.deepEqual(stage.rules, [])
    owners.touched(identity, other, 'commits x')
    one.isDead = true
    owners.touched(identity, other, 'commits x')
    assert.deepEqual(stage.rules, ['A7', 'A7'])
  })

  test('where locks can be lost, whoever had it may go on with what it knows', () => {
    const lossy = new Owners(stage.broken, { canLoseLocks: true })
    lossy.opened(identity, 1, one)
    lossy.opened(identity, 2, other)
    lossy.touched(identity, one, 'commits x')
    assert.deepEqual([stage.rules, lossy.holderOf(identity)], [[], other])
    lossy.closed(identity, one, false)
    assert.equal(lossy.holderOf(identity), other)
    lossy.touched(identity, one, 'commits x')
    const third = new Machine('p2.0')
    lossy.touched(identity, third, 'commits x')
    lossy.opened(identity, 2, one)
    assert.deepEqual(stage.rules, ['A7', 'A8'])
    lossy.opened(identity, 4, third)
    lossy.opened(identity, 3, one) // so late that it has lost it already
    assert.equal(lossy.holderOf(identity), third)
  })

  test('a log is unattended until a sibling holds it, unless it was closed clean', () => {
    one.isDead = true
    assert.deepEqual(owners.unattended(), [identity])
    owners.opened(identity, 2, other)
    assert.deepEqual(owners.unattended(), [])
    owners.closed(identity, other, false)
    assert.deepEqual(owners.unattended(), [identity])
    owners.opened(identity, 3, other)
    owners.closed(identity, other, true)
    assert.deepEqual([owners.unattended(), stage.rules], [[], []])
  })
})

/** A log whose records become durable when the test says so. */
class ScriptedLog {
  readonly durables: ((failure: Error | undefined) => void)[] = []
  readonly identity: LogIdentity = identity
  readonly epoch = 1
  readonly installation = 'sim'
  readonly location = 'slot-0'
  readonly recovered = []

  append(_record: LogRecord, durable?: (failure: Error | undefined) => void): void {
    if (durable !== undefined) this.durables.push(durable)
  }

  readonly noted: LogRecord[] = []
  found: ((standing: Decision | Error) => void) | undefined
  /** In a file; in a table they can be carried. */
  carried: DecisionLog['carried']

  inTable(): void {
    this.carried = {
      resource: 'db0',
      rowOf: () => assert.fail('not asked for'),
      note: (record: LogRecord) => {
        this.noted.push(record)
      },
    }
  }

  presumeAborted(_key: TransactionKey, found: (standing: Decision | Error) => void): void {
    this.found = found
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

describe('between the coordinator and its log', () => {
  let stage: Stage
  let log: ScriptedLog
  let watched: DecisionLog
  let isOnDisk: boolean
  let standing: Decision | undefined

  beforeEach(async () => {
    stage = new Stage()
    log = new ScriptedLog()
    isOnDisk = true
    standing = undefined
    watched = await opened()
  })

  function opened(): Promise<DecisionLog> {
    const unwatched = log as unknown as DecisionLog
    const logs = {
      open: () => Promise.resolve(unwatched),
      adopt: () => Promise.resolve(undefined),
      identities: () => Promise.resolve([identity]),
    }
    return watchedLogs(logs, {
      by: new Machine('p0.0'),
      owners: new Owners(stage.broken, { canLoseLocks: true }),
      durable: {
        has: () => isOnDisk,
        decisionOf: () => standing,
      } as unknown as DurableRecords,
      broken: stage.broken,
      count: () => undefined,
      note: () => undefined,
      preparedOf: () => ['assent.sim.0123456789abc.1.1.0'],
    }).open()
  }

  const ignore = (): void => undefined

  test('A3: told durable, and it is not', () => {
    isOnDisk = false
    watched.append(decided(1, 1), ignore)
    log.durables[0]?.(undefined)
    assert.deepEqual(stage.rules, ['A3'])
  })

  test('A3: answered twice', () => {
    watched.append(decided(1, 1), ignore)
    log.durables[0]?.(undefined)
    log.durables[0]?.(undefined)
    assert.deepEqual(stage.rules, ['A3'])
  })

  test('A9: a presumed abort is forced; after an intent it may be', () => {
    const aborted: LogRecord = { ...decided(1, 1), decision: 'aborted' }
    watched.append(aborted, ignore)
    assert.deepEqual(stage.rules, ['A9'])
    watched.append(intent(1, 2), ignore)
    watched.append({ ...decided(1, 2), decision: 'aborted' }, ignore)
    assert.deepEqual(stage.rules, ['A9'])
  })

  test('A11: a record is taken and durable after the log has failed', () => {
    watched.append(decided(1, 1), ignore)
    log.durables[0]?.(new Error('EIO'))
    watched.append(decided(1, 2), ignore)
    log.durables[1]?.(undefined)
    assert.deepEqual(stage.rules, ['A11'])
  })

  test('A3: a carried decision is noted, and its row is not there', async () => {
    log.inTable()
    watched = await opened()
    const record = decided(1, 1)
    watched.carried?.note(record)
    isOnDisk = false
    watched.carried?.note(record)
    assert.deepEqual([stage.rules, log.noted], [['A3'], [record, record]])
  })

  test('A2: a presumption is answered otherwise than what stands, or twice', async () => {
    log.inTable()
    watched = await opened()
    const told: (Decision | Error)[] = []
    const presume = (epoch: number): void =>
      watched.presumeAborted({ epoch, counter: 1 }, (found) => told.push(found))
    const unreachable = new Error('the table is not reached')
    presume(0)
    log.found?.(unreachable)
    presume(1) // of this epoch: the process itself knows
    log.found?.('aborted')
    standing = 'aborted'
    presume(0)
    log.found?.('aborted')
    assert.deepEqual([stage.rules, told], [[], [unreachable, 'aborted', 'aborted']])
    standing = undefined
    presume(0)
    log.found?.('aborted')
    standing = 'committed'
    presume(1)
    log.found?.('aborted')
    standing = undefined
    presume(1)
    log.found?.('committed')
    assert.deepEqual(stage.rules, ['A2', 'A2', 'A2'])
    standing = 'aborted'
    presume(1)
    log.found?.('aborted')
    log.found?.('aborted')
    assert.deepEqual(stage.rules, ['A2', 'A2', 'A2', 'A2'])
  })

  test('A10: closed clean, and branches are left', async () => {
    await watched.close({ clean: true })
    assert.deepEqual(stage.rules, ['A10'])
  })
})

describe('what is durable', () => {
  test('is a record only when it was synced, and for ever then', async () => {
    const stage = new Stage()
    const machine = new LogMachine()
    const durable = new DurableRecords(machine.disk, stage.broken)
    const log = await machine.run(machine.logs('one').open())
    const record = decided(1, 1)
    const id = `shop.${log.identity}.1.1` as TransactionId
    assert.equal(durable.has(log.identity, record), false)
    await machine.run(force(log, record))
    durable.changed()
    assert.equal(durable.has(log.identity, record), true)
    assert.equal(durable.decisionOf(id), 'committed')
    machine.powerLoss()
    durable.changed()
    assert.equal(durable.decisionOf(id), 'committed')
    assert.deepEqual(stage.rules, [])
  })
})

describe('the disk', () => {
  test('A11: a file is written or synced after its sync has failed; made anew it may be', () => {
    const stage = new Stage()
    const surroundings = {
      broken: stage.broken,
      plan: { syncFailChance: 1, diskFailChance: 0 },
      coverage: { count: () => undefined },
      trace: stage.trace,
      durable: { changed: () => undefined },
    } as unknown as Surroundings
    let isOver = false
    const faults = new DiskFaults({
      surroundings,
      random: stage.random,
      incarnations: new Map(),
      losePower: () => undefined,
      isOver: () => isOver,
    })
    const at = (kind: 'sync' | 'write' | 'create'): string | undefined =>
      faults.at({ process: 'p0.0', kind, path: 'slot-0/1.segment' })
    assert.deepEqual([at('create'), at('write'), at('sync')], [undefined, undefined, 'EIO'])
    isOver = true
    assert.deepEqual(stage.rules, [])
    at('write')
    at('sync')
    assert.deepEqual(stage.rules, ['A11', 'A11'])
    at('create')
    at('write')
    assert.deepEqual(stage.rules, ['A11', 'A11'])
  })

  test('power goes just before the chosen sync', () => {
    const stage = new Stage()
    let cuts = 0
    const surroundings = {
      broken: stage.broken,
      plan: { syncFailChance: 0, diskFailChance: 0 },
      durable: { changed: () => undefined },
    } as unknown as Surroundings
    const faults = new DiskFaults({
      surroundings,
      random: stage.random,
      incarnations: new Map(),
      losePower: () => {
        cuts += 1
      },
      isOver: () => false,
    })
    const sync = (path: string): unknown => faults.at({ process: 'p0.0', kind: 'sync', path })
    faults.cutPowerAtSync(2, true)
    for (const path of ['one', 'two', 'one', 'three']) sync(path)
    assert.equal(cuts, 0)
    sync('two')
    assert.equal(cuts, 1)
  })
})
