/** XA ids: written within the limits, told apart, and read back exactly. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type BranchId,
  formatBranchId,
  formatTransactionId,
  type InstallationName,
  idLimits,
  type LogIdentity,
  parseBranchId,
} from '../../../src/core/ids.ts'
import { branchIdOf, readXid, shownXid, xidOf } from '../../../src/participants/mysql/xid.ts'

const longest = formatTransactionId({
  installation: 'a'.repeat(idLimits.installationLength) as InstallationName,
  log: '0123456789abc' as LogIdentity,
  epoch: idLimits.epoch,
  counter: idLimits.counter,
})

/** The parts of an xid, as a server that was given it would list it. */
function listed(xid: string): Record<string, unknown> {
  const match = /^'([^']*)','([^']*)',(\d+)$/.exec(xid)
  assert.ok(match !== null, xid)
  const [, gtrid = '', bqual = '', format] = match
  const bytes = Uint8Array.from(`${gtrid}${bqual}`, (each) => each.charCodeAt(0))
  return {
    formatID: Number(format),
    gtrid_length: gtrid.length,
    bqual_length: bqual.length,
    data: bytes,
  }
}

test('MY-6 the longest id fits, part by part', () => {
  const found = readXid(listed(xidOf(formatBranchId(longest, idLimits.branch), 'x'.repeat(64))))
  assert.ok(found.gtrid.length <= 64 && found.bqual.length <= 64)
})

test('MY-7 branches of one transaction share its part and differ in their own', () => {
  const [one, other] = [0, 1].map((branch) => listed(xidOf(formatBranchId(longest, branch), 'a')))
  assert.deepEqual(readXid(one ?? {}).gtrid, readXid(other ?? {}).gtrid)
  assert.notDeepEqual(readXid(one ?? {}).bqual, readXid(other ?? {}).bqual)
})

test('A7 an id is read back for its own database only', () => {
  for (const branch of [0, 35, idLimits.branch]) {
    const id = formatBranchId(longest, branch)
    const found = readXid(listed(xidOf(id, 'stock')))
    assert.equal(branchIdOf(found, 'stock'), id)
    assert.equal(branchIdOf(found, 'orders'), undefined)
    assert.equal(branchIdOf({ ...found, format: 1 }, 'stock'), undefined)
    assert.equal(parseBranchId(shownXid(found)), undefined)
  }
})

test('A7 what is no branch id is not written into a statement', () => {
  for (const id of [`assent.x'.0`, 'assent.X.0', `assent.${'x'.repeat(64)}.0`]) {
    assert.throws(() => xidOf(id as BranchId, 'stock'), id)
  }
})
