/** Connections: taken from the user's pool, and given back idle and clean, whatever happened. */
import assert from 'node:assert/strict'

import type { Behaviour } from '../behaviour.ts'
import type { Stage, TriedBranch, TriedParticipant } from '../stage.ts'

/** Ways in which a branch ends. */
const ends: readonly (readonly [string, (branch: TriedBranch, stage: Stage) => Promise<void>])[] = [
  [
    'committed',
    async (branch) => {
      await branch.sealedVote()
      await branch.ends('commit')
    },
  ],
  [
    'rolled back after its vote',
    async (branch) => {
      await branch.sealedVote()
      await branch.ends('rollback')
    },
  ],
  [
    'rolled back without a vote',
    async (branch) => {
      branch.branch.seal()
      await branch.ends('rollback')
    },
  ],
  [
    'committed in one phase',
    async (branch) => {
      branch.branch.seal()
      assert.deepEqual(await branch.branch.commitOnePhase(), { result: 'committed' })
    },
  ],
  [
    'refused',
    async (branch) => {
      await branch.work.fail().catch(() => undefined)
      branch.branch.seal()
      assert.equal((await branch.branch.prepare()).vote, 'no')
      await branch.ends('rollback')
    },
  ],
]

export const connections: readonly Behaviour[] = [
  ...ends.flatMap(([how, end]): readonly Behaviour[] => [
    {
      name: `a branch that was ${how} gives its connection back, in no transaction`,
      needs: ['prepare', 'one-phase', 'sessions'],
      tryOn: async (stage) => {
        const tried = await stage.open({ connections: 1 })
        const branch = await tried.begin()
        await branch.work.write(stage.key())
        await end(branch, stage)
        await expectClean(stage, tried)
      },
    },
    {
      name: `a setting of the session does not outlive a branch that was ${how}`,
      needs: ['prepare', 'one-phase', 'sessions'],
      tryOn: async (stage) => {
        const tried = await stage.open({ connections: 1 })
        const branch = await tried.begin()
        await branch.work.write(stage.key())
        // It may as well be refused.
        const isRefused = await branch.work.changeSession().then(
          () => false,
          () => true,
        )
        if (isRefused) {
          branch.branch.seal()
          await branch.ends('rollback')
        } else await end(branch, stage)
        await expectClean(stage, tried)
      },
    },
  ]),
  {
    name: 'a pool that is exhausted is told in time, and the late connection goes back',
    needs: ['sessions'],
    tryOn: async (stage) => {
      const tried = await stage.open({ connections: 1 })
      const held = await tried.pool.hold()
      await assert.rejects(tried.begin({ timeLeftMs: 50 }), { code: 'ASSENT_RESOURCE_UNAVAILABLE' })
      held.release()
      await tried.untilIdle(1)
      const branch = await tried.begin()
      branch.branch.seal()
      await branch.ends('rollback')
    },
  },
  {
    name: 'a pool of one connection is enough to finish, to recover and to list',
    needs: ['prepare', 'list', 'sessions'],
    tryOn: async (stage) => {
      const tried = await stage.open({ connections: 1 })
      const { branch, key } = await tried.prepared()
      const listed = await stage.ended('the list', tried.participant.listPrepared?.() ?? never())
      assert.ok(listed.some(({ id }) => id === branch.id))
      assert.equal((await stage.ended('the check', tried.participant.check())).status, 'ready')
      await branch.ends('commit')
      assert.equal(await stage.subject.isVisible(key), true)
      await tried.untilIdle(1)
    },
  },
  {
    name: 'closing gives up the connections of its own, and leaves the pool to its user',
    needs: ['prepare', 'list', 'sessions'],
    tryOn: async (stage) => {
      const tried = await stage.open({ connections: 1 })
      const { branch } = await tried.prepared()
      await branch.ends('commit')
      await tried.participant.listPrepared?.()
      assert.ok((await stage.sessions.count()) > 0)
      await tried.participant.close()
      await stage.until('only the sessions of the pool are left', async () => {
        return (await stage.sessions.count()) === tried.pool.total()
      })
      await expectClean(stage, tried)
    },
  },
]

/** Every connection is idle, in no transaction, and set up as the user had it. */
async function expectClean(stage: Stage, tried: TriedParticipant): Promise<void> {
  await tried.untilIdle(1)
  const held = await tried.pool.hold()
  const key = stage.key()
  try {
    assert.equal(await held.isUnchanged(), true, 'a setting of the session has stayed')
    await held.write(key)
    assert.equal(await stage.subject.isVisible(key), true, 'a transaction was left open')
  } finally {
    held.release()
  }
}

function never(): never {
  throw new Error('the participant lists nothing')
}
