import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { BranchId, TransactionId } from '../../../src/core/ids.ts'
import { BrokenInvariant } from '../../../src/core/invariant.ts'
import type { BeginOptions, Branch, Participant } from '../../../src/participants/contract.ts'
import {
  type CustomBranch,
  type CustomLastResource,
  type CustomParticipant,
  custom,
  lastResource,
} from '../../../src/participants/custom/custom.ts'
import { Installation } from '../../coordinator/doubles/installation.ts'
import { promisesSettled } from '../../coordinator/doubles/manual-time.ts'
import { watch } from '../../coordinator/doubles/watched.ts'

const transaction = 'shop.7k2m9q4w8x1zc.3.1f' as TransactionId
const id = `assent.${transaction}.0` as BranchId
const options: BeginOptions = {
  id,
  transaction,
  timeLeftMs: 1_000,
  isolation: undefined,
  readOnly: false,
}
const ignores: CustomParticipant = {
  prepare: () => true,
  commit: () => undefined,
  rollback: () => undefined,
}

function begin<Client>(participant: Participant<Client>): Promise<Branch<Client>> {
  return participant.begin(options)
}

describe('what a custom participant answers to prepare is its vote:', () => {
  const answers: readonly (readonly [unknown, string])[] = [
    [true, 'yes'],
    [false, 'no'],
    ['read-only', 'read-only'],
    [undefined, 'unknown'],
    [1, 'unknown'],
    ['yes', 'unknown'],
    [{}, 'unknown'],
  ]
  for (const [answer, vote] of answers) {
    test(`${JSON.stringify(answer)} is ${vote}`, async () => {
      const branch = await begin(custom({ ...ignores, prepare: () => answer as boolean }))
      assert.equal((await branch.prepare()).vote, vote)
    })
  }

  test('whatever it throws, at once or later, is unknown, with the cause', async () => {
    const cause = new Error('reset')
    const throws: readonly (() => Promise<boolean>)[] = [
      () => Promise.reject(cause),
      () => {
        throw cause
      },
    ]
    for (const prepare of throws) {
      const branch = await begin(custom({ ...ignores, prepare }))
      assert.deepEqual(await branch.prepare(), { vote: 'unknown', cause })
    }
  })
})

describe('a custom participant has acknowledged', () => {
  test('when commit or rollback returns, whatever it returns', async () => {
    for (const returned of [undefined, null, true, 'done', 7, { rows: [] }, []]) {
      const finish = () => returned as undefined
      const branch = await begin(custom({ ...ignores, commit: finish, rollback: finish }))
      assert.deepEqual(await branch.commit(), { result: 'done' })
      assert.deepEqual(await branch.rollback(), { result: 'done' })
    }
  })

  test('not when it throws: it is asked again', async () => {
    const cause = new Error('reset')
    const reset = (): Promise<void> => Promise.reject(cause)
    const branch = await begin(custom({ ...ignores, commit: reset }))
    assert.deepEqual(await branch.commit(), { result: 'unknown', cause })
  })

  test('that it ended otherwise when it says so', async () => {
    const end = { heuristic: 'rolled-back', detail: 'expired' } as const
    const branch = await begin(custom({ ...ignores, commit: () => end }))
    assert.deepEqual(await branch.commit(), {
      result: 'heuristic',
      kind: 'rolled-back',
      detail: 'expired',
    })
  })
})

describe('what a last resource answers to commit says how it ended:', () => {
  const answers: readonly (readonly [unknown, string])[] = [
    [true, 'committed'],
    [false, 'aborted'],
    [undefined, 'unknown'],
    [null, 'unknown'],
    [1, 'unknown'],
    [{ rowCount: 1 }, 'unknown'],
  ]
  for (const [answer, result] of answers) {
    test(`${JSON.stringify(answer)} is ${result}`, async () => {
      const branch = await begin(
        lastResource({ commit: () => answer as boolean, rollback: () => undefined }),
      )
      assert.equal((await branch.commitOnePhase()).result, result)
    })
  }

  test('whatever it throws is unknown', async () => {
    const branch = await begin(
      lastResource({ commit: () => Promise.reject(new Error('x')), rollback: () => undefined }),
    )
    assert.equal((await branch.commitOnePhase()).result, 'unknown')
  })

  test('and it is never asked to prepare, nor told to commit a decision', async () => {
    const branch = await begin(lastResource({ commit: () => true, rollback: () => undefined }))
    for (const wrong of [() => branch.prepare(), () => branch.commit()]) {
      assert.throws(wrong, BrokenInvariant)
    }
  })
})

describe('the object of a custom participant', () => {
  test('is called as a method, with its branch, also after a restart', async () => {
    class Ledger implements CustomParticipant {
      readonly calls: string[] = []
      prepare(branch: CustomBranch): boolean {
        this.calls.push(`prepare ${branch.id} of ${branch.transaction}`)
        return true
      }
      commit(branch: CustomBranch): void {
        this.calls.push(`commit ${branch.id} of ${branch.transaction}`)
      }
      rollback(branch: CustomBranch): void {
        this.calls.push(`rollback ${branch.id} of ${branch.transaction}`)
      }
      prepared(): string[] {
        this.calls.push('prepared')
        return [id]
      }
    }
    const ledger = new Ledger()
    const participant = custom(ledger)
    await (await begin(participant)).prepare()
    const recovered = participant.recover({ id, evidence: undefined })
    await recovered.commit()
    await recovered.rollback()
    assert.deepEqual(await participant.listPrepared?.(), [{ id, preparedAtMs: undefined }])
    assert.deepEqual(ledger.calls, [
      `prepare ${id} of ${transaction}`,
      `commit ${id} of ${transaction}`,
      `rollback ${id} of ${transaction}`,
      'prepared',
    ])
  })

  test('makes the client, or the branch itself is the client', async () => {
    const made = custom({ ...ignores, begin: (branch) => ({ pay: () => branch.id }) })
    assert.equal((await begin(made)).client.pay(), id)
    assert.deepEqual((await begin(custom(ignores))).client, { id, transaction })
  })

  test('that can not begin leaves nothing open, and the reason reaches the work', async (t) => {
    const cause = new Error('no credit')
    const ended: string[] = []
    const { coordinator } = await new Installation(t).start({
      alice: custom({
        ...ignores,
        begin: () => Promise.reject(cause),
        rollback: () => void ended.push('rollback'),
      }),
    })
    await assert.rejects(
      coordinator.transaction(['alice'], () => 1),
      {
        code: 'ASSENT_RESOURCE_UNAVAILABLE',
        cause,
      },
    )
    assert.deepEqual(ended, [])
  })

  test('has the identity that it gives, or its name', async () => {
    const ports = {} as Parameters<Participant['attach']>[0]
    const named = custom(ignores)
    named.attach({ ...ports, resource: 'alice' })
    assert.equal(fingerprintOf(await named.check()), 'custom:alice')
    const known = custom({ ...ignores, identity: 'bank.example/alice' })
    known.attach({ ...ports, resource: 'alice' })
    assert.equal(fingerprintOf(await known.check()), 'custom:bank.example/alice')
    const down = custom({ ...ignores, check: () => Promise.reject(new Error('no route')) })
    assert.equal((await down.check()).status, 'unavailable')
  })

  test('lists nothing, and keeps no evidence, where it has no method for it', () => {
    assert.equal(custom(ignores).listPrepared, undefined)
    const mail: CustomLastResource = { commit: () => true, rollback: () => undefined }
    assert.equal(lastResource(mail).evidenceOf, undefined)
    assert.notEqual(lastResource({ ...mail, evidence: () => 'unknown' }).evidenceOf, undefined)
  })
})

function fingerprintOf(check: Awaited<ReturnType<Participant['check']>>): string | undefined {
  return check.status === 'ready' ? check.fingerprint : undefined
}

test('a commit that returns nothing does not roll back those who prepared beside it', async (t) => {
  const log: string[] = []
  const { coordinator } = await new Installation(t).start({
    alice: custom({
      ...ignores,
      commit: () => void log.push('alice commits'),
      rollback: () => void log.push('alice rolls back'),
    }),
    mail: lastResource({
      // As a user of JavaScript may write it: it sends, and answers nothing.
      commit: (() => void log.push('mail is sent')) as unknown as () => boolean,
      rollback: () => undefined,
    }),
  })
  const call = watch(coordinator.transaction(['alice', 'mail'], () => 1))
  const reason = (await call.reason()) as { code: string }
  await promisesSettled()
  assert.equal(reason.code, 'ASSENT_OUTCOME_UNKNOWN')
  assert.deepEqual(log, ['mail is sent'])
})
