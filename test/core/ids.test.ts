import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import {
  type BranchIdParts,
  formatBranchId,
  formatTransactionId,
  type InstallationName,
  idLimits,
  isInstallationName,
  isLogIdentity,
  type LogIdentity,
  makeLogIdentity,
  parseBranchId,
  parseTransactionId,
} from '../../src/core/ids.ts'
import { seededRandom } from './seeded-random.ts'

const log = '7k2m9q4w8x1zc' as LogIdentity
const shop = { installation: 'shop' as InstallationName, log, epoch: 3, counter: 51 }

const largest: BranchIdParts = {
  installation: 'a'.repeat(idLimits.installationLength) as InstallationName,
  log,
  epoch: idLimits.epoch,
  counter: idLimits.counter,
  branch: idLimits.branch,
}

function branchIdOf({ branch, ...transaction }: BranchIdParts): string {
  return formatBranchId(formatTransactionId(transaction), branch)
}

describe('an id', () => {
  test('has the form that the documentation shows', () => {
    assert.equal(formatTransactionId(shop), 'shop.7k2m9q4w8x1zc.3.1f')
    assert.equal(branchIdOf({ ...shop, branch: 0 }), 'assent.shop.7k2m9q4w8x1zc.3.1f.0')
  })

  test('reads back as what it was made of, whatever that was', () => {
    const seed = 20_240_607
    const random = seededRandom(seed)
    const below = (limit: number): number => Math.floor(random.fraction() * (limit + 1))
    for (let round = 0; round < 2_000; round += 1) {
      const installation = randomName(below)
      const parts: BranchIdParts = {
        installation,
        log: makeLogIdentity(random.fill),
        epoch: below(round % 2 === 0 ? 40 : idLimits.epoch),
        counter: below(round % 3 === 0 ? 40 : idLimits.counter),
        branch: below(idLimits.branch),
      }
      const id = branchIdOf(parts)
      const { branch, ...transaction } = parts
      assert.deepEqual(parseBranchId(id), parts, `seed ${seed}, round ${round}: ${id}`)
      assert.deepEqual(parseTransactionId(formatTransactionId(transaction)), transaction, id)
      assert.ok(new TextEncoder().encode(id).length <= idLimits.branchIdBytes, id)
    }
  })

  test('of the longest name and the largest numbers has at most 64 bytes, and reads back', () => {
    const id = branchIdOf(largest)
    assert.equal(id, 'assent.aaaaaaaaaaaaaaaaaaaa.7k2m9q4w8x1zc.zzzzzz.zzzzzzzzz.zz')
    assert.ok(id.length <= idLimits.branchIdBytes, `${id.length} bytes`)
    assert.deepEqual(parseBranchId(id), largest)
  })

  test('needs no quoting in any language that stores it', () => {
    assert.match(branchIdOf(largest), /^[a-z0-9.-]+$/)
  })
})

function randomName(below: (limit: number) => number): InstallationName {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789-'
  let name = ''
  for (let length = below(19) + 1; length > 0; length -= 1) {
    name += letters.charAt(below(letters.length - 1))
  }
  return name as InstallationName
}

describe('a text is no branch id of ours', () => {
  const strangers: Readonly<Record<string, string>> = {
    'because it is empty': '',
    'because another program made it': '131075_MDg5NjA1_cm5kMTIz',
    'because its prefix is only like ours': 'assent-shop.7k2m9q4w8x1zc.3.1f.0',
    'because its prefix has another case': 'Assent.shop.7k2m9q4w8x1zc.3.1f.0',
    'because something stands before it': 'x.assent.shop.7k2m9q4w8x1zc.3.1f.0',
    'because something stands behind it': 'assent.shop.7k2m9q4w8x1zc.3.1f.0 ',
    'because a line break stands behind it': 'assent.shop.7k2m9q4w8x1zc.3.1f.0\n',
    'because its installation is missing': 'assent.7k2m9q4w8x1zc.3.1f.0',
    'because its installation is too long': `assent.${'a'.repeat(21)}.7k2m9q4w8x1zc.3.1f.0`,
    'because its installation has a dot': 'assent.sh.op.7k2m9q4w8x1zc.3.1f.0',
    'because its log identity is too short': 'assent.shop.7k2m9q4w8x1z.3.1f.0',
    'because its log identity has a letter that is left out': 'assent.shop.7k2m9q4w8x1zu.3.1f.0',
    'because its epoch has a leading zero': 'assent.shop.7k2m9q4w8x1zc.03.1f.0',
    'because its counter has a leading zero': 'assent.shop.7k2m9q4w8x1zc.3.01f.0',
    'because its branch has a leading zero': 'assent.shop.7k2m9q4w8x1zc.3.1f.00',
    'because its counter is in capitals': 'assent.shop.7k2m9q4w8x1zc.3.1F.0',
    'because its epoch is too large': 'assent.shop.7k2m9q4w8x1zc.1000000.1f.0',
    'because its counter is too large': 'assent.shop.7k2m9q4w8x1zc.3.1000000000.0',
    'because its branch is too large': 'assent.shop.7k2m9q4w8x1zc.3.1f.100',
    'because its branch is missing': 'assent.shop.7k2m9q4w8x1zc.3.1f',
    'because it has a part too many': 'assent.shop.7k2m9q4w8x1zc.3.1f.0.0',
    'because a number is negative': 'assent.shop.7k2m9q4w8x1zc.3.-1.0',
  }
  for (const [why, text] of Object.entries(strangers)) {
    test(why, () => assert.equal(parseBranchId(text), undefined))
  }
})

test('installations of similar names keep apart: shop is not shop-eu, nor the other way', () => {
  const shopEu = branchIdOf({ ...shop, installation: 'shop-eu' as InstallationName, branch: 0 })
  assert.equal(parseBranchId(shopEu)?.installation, 'shop-eu')
  assert.ok(!shopEu.startsWith(branchIdOf({ ...shop, branch: 0 })))
})

test('an installation name is 1 to 20 of a-z, 0-9 and -', () => {
  for (const name of ['a', 'shop-eu', '0', '-', 'a'.repeat(20)]) {
    assert.ok(isInstallationName(name), name)
  }
  for (const name of ['', 'Shop', 'shop.eu', 'shop_eu', 'a'.repeat(21), 'shop\n', 'läden', ' ']) {
    assert.ok(!isInstallationName(name), JSON.stringify(name))
  }
})

test('a log identity is made of all the random bits that it is given, and none twice', () => {
  const random = seededRandom(7)
  const made = Array.from({ length: 500 }, () => makeLogIdentity(random.fill))
  assert.equal(new Set(made).size, made.length)
  assert.ok(made.every((identity) => isLogIdentity(identity)))
  assert.equal(
    makeLogIdentity((bytes) => void bytes.fill(0)),
    '0'.repeat(13),
  )
  assert.equal(
    makeLogIdentity((bytes) => void bytes.fill(255)),
    'z'.repeat(13),
  )
})
