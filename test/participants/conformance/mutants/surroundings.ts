/** Faults towards connections, and towards servers that die or hang. */
import { cause, changed, changedBranch, changedEnd, done, type Mutant, unless } from './planting.ts'

export const ofConnections: readonly Mutant[] = [
  {
    name: 'gives connections back in a transaction',
    refusedBy: ['gives its connection back, in no transaction'],
    plant: changedEnd(async (pool) => {
      const held = await pool.hold()
      await held.begin()
      held.release()
    }),
  },
  {
    name: 'gives connections back with settings of the branch',
    refusedBy: ['a setting of the session does not outlive'],
    plant: changedEnd(async (pool) => {
      const held = await pool.hold()
      await held.changeSession()
      held.release()
    }),
  },
  {
    name: 'keeps connections',
    refusedBy: ['committed gives its connection back', 'refused gives its connection back'],
    plant: changedEnd(async (pool) => void (await pool.hold())),
  },
  {
    name: 'waits for ever for a connection',
    refusedBy: ['a pool that is exhausted'],
    plant: changed((participant) => ({
      begin: (options) => participant.begin({ ...options, timeLeftMs: 600_000 }),
    })),
  },
  {
    name: 'loses a connection that comes too late',
    refusedBy: ['a pool that is exhausted'],
    plant: changed((participant, { pool }) => ({
      begin: async (options) => {
        try {
          return await participant.begin(options)
        } catch (error) {
          pool?.hold().catch(() => undefined)
          throw error
        }
      },
    })),
  },
  {
    name: "takes connections of the user's pool for its own business",
    refusedBy: ['a pool of one connection is enough'],
    plant: changed((participant, { pool }) => ({
      listPrepared: async () => {
        const held = await pool?.hold()
        const listed = await participant.listPrepared?.()
        held?.release()
        return listed ?? []
      },
    })),
  },
  {
    name: 'keeps the connections of its own when it is closed',
    refusedBy: ['closing gives up the connections of its own'],
    plant: changed(() => ({ close: () => Promise.resolve() })),
  },
]

export const ofOutages: readonly Mutant[] = [
  {
    name: 'takes an unknown acknowledgement for done',
    refusedBy: ['a yes outlives the death of the server', 'what a hanging server does not answer'],
    plant: changedBranch((branch) => ({ commit: () => unless('unknown', branch.commit(), done) })),
  },
  {
    name: 'takes no answer to prepare for a yes',
    refusedBy: ['a server that dies before the vote'],
    plant: changedBranch((branch) => ({
      prepare: async () => {
        await branch.prepare()
        return { vote: 'yes', evidence: undefined }
      },
    })),
  },
  {
    name: 'takes no answer to prepare for a no',
    refusedBy: ['what a hanging server does not answer'],
    plant: changedBranch((branch) => ({
      prepare: async () => {
        const vote = await branch.prepare()
        return vote.vote === 'unknown' ? { vote: 'no', cause } : vote
      },
    })),
  },
  {
    name: 'takes no answer to one phase for an abort',
    refusedBy: ['what a hanging server does not answer'],
    plant: changedBranch((branch) => ({
      commitOnePhase: () =>
        unless('unknown', branch.commitOnePhase(), { result: 'aborted', cause }),
    })),
  },
]
