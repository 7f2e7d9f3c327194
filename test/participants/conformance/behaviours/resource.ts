/** The resource itself: which it is, whether it is there, and what is prepared at it. */
import assert from 'node:assert/strict'

import type { Behaviour } from '../behaviour.ts'
import { fingerprintOf } from '../stage.ts'

const clockToleranceMs = 60_000

export const resource: readonly Behaviour[] = [
  {
    name: 'its fingerprint is the same by whatever way it is reached, and no other has it',
    needs: [],
    tryOn: async (stage) => {
      const [one, same] = [await stage.open(), await stage.open({ connections: 1 })]
      const fingerprint = await one.ready()
      assert.equal(await one.ready(), fingerprint)
      assert.equal(await same.ready(), fingerprint)
      const elsewhere = await stage.openElsewhere()
      const other = await stage.ended('the check', elsewhere.check())
      await elsewhere.close()
      assert.notEqual(fingerprintOf(other), fingerprint)
    },
  },
  {
    name: 'lists what is prepared, and nothing that is still at work or has ended',
    needs: ['prepare', 'list'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const atWork = await tried.begin()
      await atWork.work.write(stage.key())
      const { branch } = await tried.prepared()
      const ended = await tried.prepared()
      await ended.branch.ends('commit')
      const listed = (await tried.participant.listPrepared?.()) ?? []
      const ids = listed.map(({ id }) => id)
      assert.deepEqual([...ids].sort(), [...(await stage.subject.preparedIds())].sort())
      assert.ok(ids.includes(branch.id), 'the prepared one is listed')
      for (const other of [atWork, ended.branch]) assert.ok(!ids.includes(other.id), other.id)
      const preparedAtMs = listed.find(({ id }) => id === branch.id)?.preparedAtMs
      if (preparedAtMs !== undefined) {
        assert.ok(Math.abs(preparedAtMs - Date.now()) < clockToleranceMs, String(preparedAtMs))
      }
      atWork.branch.seal()
      await atWork.ends('rollback')
      await branch.ends('rollback')
    },
  },
  {
    name: "lists strangers' branches by the ids they have, and leaves them alone",
    needs: ['prepare', 'list'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const { branch } = await tried.prepared()
      const alike = branch.id.replace('assent.test.', 'assent.test-eu.')
      assert.notEqual(alike, branch.id)
      const stranger = await stage.subject.prepareStranger(alike)
      const ids = ((await tried.participant.listPrepared?.()) ?? []).map(({ id }) => id)
      assert.ok(ids.includes(stranger))
      await branch.ends('commit')
      await tried.participant.close()
      assert.ok((await stage.subject.preparedIds()).includes(stranger))
      await stage.subject.finishOutside(stranger, 'aborted')
    },
  },
]
