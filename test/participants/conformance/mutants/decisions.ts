/** Faults in how decisions arrive, and in what is said of the resource. */
import type { Participant } from '../../../../src/participants/contract.ts'
import {
  changed,
  changedBranch,
  changedRecovery,
  done,
  hazard,
  type Mutant,
  unless,
} from './planting.ts'

export const ofDelivery: readonly Mutant[] = [
  {
    name: 'acknowledges a decision and does nothing',
    refusedBy: ['a decision ends the branch as it says'],
    plant: changedBranch(() => ({ commit: async () => done, rollback: async () => done })),
  },
  {
    name: 'takes a decision that is told again for a mistake',
    refusedBy: ['a decision that is told again'],
    plant: changedBranch((branch) => {
      let tellings = 0
      return {
        commit: () => {
          tellings += 1
          return tellings > 1 ? Promise.resolve(hazard) : branch.commit()
        },
      }
    }),
  },
  {
    name: 'commits what it should roll back',
    refusedBy: ['a branch that was never voted on'],
    plant: changedBranch((branch) => ({
      rollback: async () => {
        await branch.prepare()
        return await branch.commit()
      },
    })),
  },
  {
    name: 'takes a branch without a session for one that has ended',
    refusedBy: ['a decision reaches a branch whose session was lost'],
    plant: (opened, subject) =>
      changedBranch((branch) => ({
        commit: async () =>
          (await subject.sessions?.count()) === 0 ? done : await branch.commit(),
      }))(opened, subject),
  },
  {
    name: 'takes a branch of another process for one that has ended',
    refusedBy: ['a decision is delivered by another process', 'while the session that prepared'],
    plant: changedRecovery(() => ({ commit: async () => done, rollback: async () => done })),
  },
  {
    name: 'takes a branch that it can not reach for one that nobody can tell of',
    refusedBy: ['while the session that prepared', 'a rollback of a branch that was never there'],
    plant: changedRecovery(() => ({ commit: async () => hazard, rollback: async () => hazard })),
  },
  {
    name: 'takes every end for the right one',
    refusedBy: ['a commit of a branch that was never there', 'that somebody else ended'],
    plant: changedRecovery((branch) => ({
      commit: () => unless('heuristic', branch.commit(), done),
      rollback: () => unless('heuristic', branch.rollback(), done),
    })),
  },
]

export const ofResource: readonly Mutant[] = [
  {
    name: 'takes all resources for one',
    refusedBy: ['its fingerprint is the same'],
    plant: changed(() => ({
      check: async () => ({ status: 'ready', fingerprint: 'it', preparedLimit: undefined }),
    })),
  },
  {
    name: 'takes a resource for another one each time',
    refusedBy: ['its fingerprint is the same'],
    plant: changed(() => {
      let checks = 0
      return {
        check: async () => {
          checks += 1
          return { status: 'ready', fingerprint: `it-${checks}`, preparedLimit: undefined }
        },
      }
    }),
  },
  {
    name: 'lists nothing',
    refusedBy: ['lists what is prepared'],
    plant: changed(() => ({ listPrepared: async () => [] })),
  },
  {
    name: 'lists what has begun, too',
    refusedBy: ['lists what is prepared'],
    plant: changed((participant) => {
      const begun: string[] = []
      return {
        begin: (options) => {
          begun.push(options.id)
          return participant.begin(options)
        },
        listPrepared: async () => begun.map((id) => ({ id, preparedAtMs: undefined })),
      }
    }),
  },
  {
    name: "hides strangers' branches",
    refusedBy: ["lists strangers' branches"],
    plant: changed((participant) => ({
      listPrepared: async () => {
        const listed = (await participant.listPrepared?.()) ?? []
        return listed.filter(({ id }) => id.startsWith('assent.test.'))
      },
    })),
  },
  {
    name: "rolls strangers' branches back",
    refusedBy: ["lists strangers' branches"],
    plant: changed((participant) => ({
      listPrepared: async () => {
        const listed = (await participant.listPrepared?.()) ?? []
        for (const { id } of listed.filter((each) => each.id.includes('test-eu'))) {
          const stranger = { id: id as Parameters<Participant['begin']>[0]['id'] }
          await participant.recover({ ...stranger, evidence: undefined }).rollback()
        }
        return listed
      },
    })),
  },
]
