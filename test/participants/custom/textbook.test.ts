import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { Account, transfer } from '../../../examples/textbook.ts'

function directory(t: test.TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'assent-textbook-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return made
}

test('the textbook’s two participants both commit, with a log on a real disk', async (t) => {
  const [ada, bob] = [new Account(), new Account()]
  await transfer(ada, bob, 30, directory(t))
  assert.deepEqual([ada.balance, bob.balance], [70, 130])
})

test('the textbook’s two participants both roll back when one says no', async (t) => {
  const [ada, bob] = [new Account(), new Account()]
  const log = directory(t)
  await assert.rejects(transfer(ada, bob, 130, log), {
    code: 'ASSENT_ABORTED_BY_VOTE',
    message: /by the vote of ada: no/,
  })
  assert.deepEqual([ada.balance, bob.balance], [100, 100])
  await transfer(ada, bob, 30, log)
  assert.deepEqual([ada.balance, bob.balance], [70, 130], 'and the next one goes on')
})
