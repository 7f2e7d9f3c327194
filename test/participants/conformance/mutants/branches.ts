/** Faults of a branch before its decision: in its votes, and in its work. */
import { cause, changed, changedBranch, done, hazard, type Mutant } from './planting.ts'

export const ofVotes: readonly Mutant[] = [
  {
    name: 'says yes and does not prepare',
    refusedBy: ['a yes is proved'],
    plant: changedBranch(() => ({
      prepare: async () => ({ vote: 'yes', evidence: undefined }),
    })),
  },
  {
    name: 'rolls back what it is told to commit',
    refusedBy: ['a branch sees its own work', 'a decision ends the branch as it says'],
    plant: changedBranch((branch) => ({ commit: () => branch.rollback() })),
  },
  {
    name: 'says no and keeps its transaction open',
    refusedBy: ['a no has rolled back'],
    needs: ['guarded-client'],
    plant: changedBranch((branch) => ({
      prepare: async () =>
        branch.doomed === undefined ? await branch.prepare() : { vote: 'no', cause },
    })),
  },
  {
    name: 'prepares what wrote nothing',
    refusedBy: ['held to reading, votes read-only', 'a branch that only read votes read-only'],
    plant: changedBranch((branch) => ({
      prepare: async () => {
        const vote = await branch.prepare()
        return vote.vote === 'read-only' ? { vote: 'yes', evidence: undefined } : vote
      },
    })),
  },
  {
    name: 'forgets a branch that wrote nothing',
    refusedBy: ['a branch that wrote nothing ends without a trace'],
    needs: ['sessions'],
    plant: changedBranch(() => ({ commit: async () => done, rollback: async () => done })),
  },
  {
    name: 'takes a read-only branch without a session for one that nobody can tell of',
    refusedBy: ['a branch that wrote nothing is done, too'],
    plant: (opened, subject) =>
      changedBranch((branch) => ({
        commit: async () =>
          (await subject.sessions?.count()) === 0 ? hazard : await branch.commit(),
      }))(opened, subject),
  },
  {
    name: 'calls every branch read-only',
    refusedBy: ['a branch that wrote is not called read-only'],
    plant: changedBranch(() => ({ prepare: async () => ({ vote: 'read-only', ended: false }) })),
  },
  {
    name: 'cuts long ids off',
    refusedBy: ['an id as long as ids get'],
    plant: changed((participant) => ({
      begin: (options) =>
        participant.begin({ ...options, id: options.id.slice(0, 60) as typeof options.id }),
    })),
  },
  {
    name: 'answers committed to one phase and rolls back',
    refusedBy: ['one phase commits', 'one phase that is refused'],
    plant: changedBranch((branch) => ({
      commitOnePhase: async () => {
        await branch.rollback()
        return { result: 'committed' }
      },
    })),
  },
]

export const ofWork: readonly Mutant[] = [
  {
    name: 'never notices that a branch can not commit',
    refusedBy: ['a failed statement dooms', 'a session that is lost during the work dooms'],
    plant: changedBranch(() => ({ doomed: undefined })),
  },
  {
    name: 'takes work after the seal',
    refusedBy: ['the seal refuses the client'],
    plant: changedBranch((branch) => ({
      seal: () => [],
      prepare: () => {
        branch.seal()
        return branch.prepare()
      },
    })),
  },
  {
    name: 'keeps silent about work that was not awaited',
    refusedBy: ['work that was not awaited'],
    plant: changedBranch((branch) => ({
      seal: () => {
        branch.seal()
        return []
      },
    })),
  },
  {
    name: 'sets no savepoint',
    refusedBy: ['a savepoint takes the work after it back'],
    plant: changedBranch(() => ({
      savepoint: async () => ({ release: async () => undefined, rollback: async () => undefined }),
    })),
  },
  {
    name: 'hears no wish for read-only',
    refusedBy: ['a branch that is asked for read-only'],
    plant: changed((participant) => ({
      begin: (options) => participant.begin({ ...options, readOnly: false }),
    })),
  },
  {
    name: 'hears no wish for an isolation',
    refusedBy: ['an isolation that the resource does not know'],
    plant: changed((participant) => ({
      begin: (options) => participant.begin({ ...options, isolation: undefined }),
    })),
  },
]
