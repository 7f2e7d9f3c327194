import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { Pool } from 'pg'

import { isAssentError } from '../../src/core/errors.ts'
import { custom, openCoordinator } from '../../src/index.ts'
import { postgres } from '../../src/postgres.ts'

const folder = await mkdtemp(join(tmpdir(), 'assent-place-'))
const log = join(folder, 'transactions')
after(() => rm(folder, { recursive: true, force: true }))

/** It connects when it is asked, and it must not be. */
const pool = new Pool({ host: '127.0.0.1', port: 1 })

const ledger = custom({
  begin: () => ({}),
  prepare: () => true,
  commit: () => undefined,
  rollback: () => undefined,
})

const refused: readonly (readonly [given: object, option: string, says: RegExp])[] = [
  [{}, 'log', /^log must be the path .*; or give decisions: \{ in: 'a resource' \} instead$/],
  [{ log: '' }, 'log', /^log must be the path of a directory that lasts/],
  [
    { log, decisions: { in: 'orders' } },
    'decisions',
    /^decisions and log both say where: give one of them$/,
  ],
  [
    { decisions: 'orders' },
    'decisions',
    /^decisions must name a resource, as in \{ in: 'orders' \}/,
  ],
  [
    { decisions: { in: 'ledgers' } },
    'decisions.in',
    /^decisions\.in must be one of orders, ledger, and is "ledgers"$/,
  ],
  [{ decisions: {} }, 'decisions.in', /^decisions\.in must be one of orders, ledger/],
  [
    { decisions: { in: 'ledger' } },
    'decisions.in',
    /^decisions\.in names ledger, and a resource of the kind custom can not keep decisions: name/,
  ],
  [
    { decisions: { in: 'orders', create: 'yes' } },
    'decisions.create',
    /^decisions\.create must be true or false$/,
  ],
  [
    { decisions: { in: 'orders', schema: 'x' } },
    'decisions.schema',
    /^decisions\.schema is no option of decisions$/,
  ],
  [
    { decisions: { in: 'orders' }, controlSocket: true },
    'controlSocket',
    /^controlSocket needs the directory of a log; with decisions there is none$/,
  ],
  [{ decisions: { in: 'orders' }, slots: 0 }, 'slots', /^Slots must be 1 to 1000, not 0\.$/],
]

for (const [given, option, says] of refused) {
  test(`one clear error, and nothing is opened, for ${JSON.stringify(given)}`, async () => {
    const resources = { orders: postgres(pool), ledger }
    const opening = openCoordinator({ name: 'shop', resources, ...given } as never)
    await assert.rejects(opening, (error) => {
      assert.ok(isAssentError(error, 'ASSENT_INVALID_OPTION'), String(error))
      assert.match(error.message, says)
      assert.equal(error.fields.option, option)
      return true
    })
    assert.equal(existsSync(log), false)
    assert.equal(pool.totalCount, 0)
  })
}
