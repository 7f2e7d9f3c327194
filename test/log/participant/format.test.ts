import assert from 'node:assert/strict'
import { test } from 'node:test'

import { decided, force, key, Machine, stock } from './machine.ts'

function hexOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex')
}

/** What a released version has written is read by every later one: these bytes must not change. */
test('rows and records have the names and bytes of format 1', async () => {
  const machine = new Machine()
  const log = await machine.process().logs.open()
  force(log, stock)
  force(log, { type: 'one-phase', transaction: key(log, 7) })
  force(log, decided(key(log, 300)))
  const by = { by: 'ann', reason: 'seen', wallMs: 2 }
  force(log, { type: 'stranger-resolved', id: 'x.1', resource: 0, decision: 'aborted', ...by })
  force(log, { type: 'intent', transaction: key(log, 9), wallMs: 3, last: 1, branches: [] })
  log.carried?.note(decided(key(log, 1)))
  log.append({ type: 'settled', transaction: key(log, 1) })
  await machine.time.advance(1_000)
  const { records } = machine.table.log()
  const shown = [...records].map(([name, record]) => `${name} ${hexOf(record)}`)
  assert.deepEqual(shown.sort(), [
    'act:1.1 01140903782e31000003616e6e047365656e02',
    'epoch:1 01100180d095ffbc31',
    'one-phase:1 01080107',
    'outcomes:1:0:committed 011200010081d095ffbc31000102',
    'resource:0 0107000573746f636b08706f7374677265730470673a31',
    'transaction:1.9 01020109030100',
  ])
  const row = machine.table.rowOf(log.identity, key(log, 300))
  const bytes = '010101ac02010974776f2d706861736581d095ffbc31010100010434373131'
  assert.equal(hexOf(row?.record), bytes)
})
