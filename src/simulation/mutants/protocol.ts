/** Bugs planted in the protocol. */
import type { Mutant } from './mutant.ts'

const step = 'src/protocol/two-phase/step.ts'

export const protocolMutants: readonly Mutant[] = [
  {
    name: 'lost-vote-counts-as-yes',
    rule: 'A5',
    file: step,
    find: "      return abort(withBranch(state, branch, 'unclear'))",
    replace: "      return thenDecide(withBranch(state, branch, 'prepared'), [])",
    why: 'A branch whose vote was lost is taken for prepared.',
    seeds: 60,
    profile: 'network',
  },
  {
    name: 'decides-before-all-votes',
    rule: 'A5',
    file: step,
    find: "  if (state.branches.some((branch) => branch.phase === 'preparing')) return { state, effects }",
    replace:
      "  const waits = state.branches.filter((branch) => branch.phase === 'preparing')\n" +
      '  if (waits.length === state.branches.length) return { state, effects }',
    why: 'The first vote decides, and the others are not waited for.',
    seeds: 20,
  },
  {
    name: 'acts-before-decision-is-durable',
    rule: 'A3',
    file: step,
    find: "  return record(state, 'committed')\n}\n\n/**\n * At most one branch wrote",
    replace:
      "  return deliver({ ...state, decision: 'committed' }, 'committing', [\n" +
      "    { type: 'note-decision' },\n" +
      "    { type: 'decided' },\n" +
      '  ])\n}\n\n/**\n * At most one branch wrote',
    why: 'Commit is sent while the decision is only on its way to the disk.',
    seeds: 20,
  },
  {
    name: 'abort-is-forced',
    rule: 'A9',
    file: step,
    find:
      "  const effects: Effect[] = [{ type: 'note-decision' }, { type: 'decided' }]\n" +
      "  return deliver({ ...state, decision: 'aborted' }, 'rolling-back', effects)\n",
    replace: "  return record(state, 'aborted')\n",
    why: 'A presumed abort waits for the disk.',
    seeds: 20,
  },
  {
    name: 'failed-decision-aborts',
    rule: 'A11',
    file: step,
    find: "  if (state.phase === 'recording-one-phase') return abort(state)\n",
    replace: '  if (state.decision !== undefined) return abort(state)\n',
    why: 'A decision whose write failed is taken for aborted, though it may be on the disk.',
    seeds: 250,
    profile: 'disk',
  },
  {
    name: 'time-out-after-decision',
    rule: 'A1',
    file: step,
    find: "phase === 'preparing' || phase === 'recording-one-phase'\n",
    replace: "phase === 'preparing' || phase.startsWith('recording-') || phase === 'committing'\n",
    why: 'The time-out rolls a transaction back that was decided already.',
    seeds: 200,
    profile: 'network',
  },
  {
    name: 'lost-last-resource-aborts',
    rule: 'A6',
    file: step,
    find: "  return state.phase === 'held' ? ignore(state) : hold(state)",
    replace: "  return state.phase === 'held' ? ignore(state) : record(ended, 'aborted')",
    why: 'A last resource that did not answer is taken for rolled back.',
    seeds: 200,
    profile: 'last-resource',
  },
  {
    name: 'lost-one-phase-is-committed',
    rule: 'A6',
    file: step,
    find: '      return lost(state, branch)\n',
    replace:
      "      return deliver({ ...ended, decision: 'committed' }, 'committing', [\n" +
      "        { type: 'note-decision' },\n" +
      "        { type: 'decided' },\n" +
      '      ])\n',
    why: 'A one-phase commit whose answer was lost is told committed.',
    seeds: 400,
    profile: 'resource-crash',
  },
  {
    name: 'lost-one-phase-is-aborted',
    rule: 'A6',
    file: step,
    find: '      return lost(state, branch)\n',
    replace: '      return abort(ended)\n',
    why: 'A one-phase commit whose answer was lost is told aborted.',
    seeds: 400,
    profile: 'resource-crash',
  },
  {
    name: 'last-resource-before-intent',
    rule: 'A3',
    file: step,
    find:
      "    effects.push({ type: 'force', record: 'intent' })\n" +
      "    return { state: { ...state, phase: 'recording-intent' }, effects }\n",
    replace: "    return commitOnePhase(state, last, 'committing-last')\n",
    why: 'The last resource commits with nothing on the disk that says so.',
    seeds: 60,
    profile: 'last-resource',
  },
  {
    name: 'silence-is-an-acknowledgement',
    rule: 'A10',
    file: step,
    find: "      return { state, effects: [{ type: 'retry-later', branch }] }",
    replace: "      return thenSettle(withBranch(state, branch, 'ended'), [])",
    why: 'A branch that did not answer is taken for told.',
    seeds: 150,
    profile: 'resource-crash',
  },
  {
    name: 'settled-after-the-first-acknowledgement',
    rule: 'A10',
    file: step,
    find: '  if (isOver(state.phase) || !state.branches.every(hasEnded)) return { state, effects }',
    replace:
      '  if (isOver(state.phase) || !state.branches.some(hasEnded)) return { state, effects }',
    why: 'A decision is forgotten before every branch has acknowledged it.',
    seeds: 60,
  },
  {
    name: 'read-only-branch-left-open',
    rule: 'A10',
    file: step,
    find: '    if (hasEnded(branch)) return branch\n',
    replace:
      '    if (hasEnded(branch)) return branch\n' +
      "    if (branch.phase === 'read-only') return inPhase(branch, 'ended')\n",
    why: 'A branch that wrote nothing is not ended: it keeps its session.',
    seeds: 60,
  },
  {
    name: 'intent-presumes-abort',
    rule: 'A2',
    file: 'src/protocol/two-phase/recover.ts',
    find: 'export function recover({ decision, branches }: RecordedTransaction): Step {\n',
    replace:
      "export function recover({ decision = 'aborted', branches }: RecordedTransaction): Step {\n",
    why: 'After a crash, an intent without a decision is taken for aborted.',
    seeds: 250,
    profile: 'last-resource',
  },
]
