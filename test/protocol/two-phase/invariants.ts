/**
 * The invariants of the design as judgements of single steps: each answers the rule that a step
 * breaks, by its number, or undefined. The rules are written from the outside: from what was said
 * to the branches, to the log and to the caller, not from how `step` came to say it.
 */
import type { Effect, Event, State } from '../../../src/protocol/two-phase/state.ts'
import { isOver } from '../../../src/protocol/two-phase/state.ts'
import { type Happening, hasEnded, isCarried, type World } from './environment.ts'

type Broken = string | undefined

/** A2: what recovery finds never contradicts what somebody was told. A10: and it goes on with it. */
export function brokenByFinding(before: World, found: World | undefined): Broken {
  const { told, durable, state } = before
  const untold = found?.asked.some((questions) => questions.length === 0) ?? false
  if (found?.state.decision !== undefined && untold) {
    return 'A10: recovery does not deliver what it found'
  }
  if (told === undefined) return undefined
  // Committed without a record: by the one branch that wrote, or by none; nobody is prepared.
  if (told === 'committed' && durable === 'nothing' && nobodyPrepared(state)) return undefined
  const decision = found === undefined ? 'aborted' : found.state.decision
  return decision === told ? undefined : `A2: told ${told}, and recovery finds ${decision}`
}

export function brokenByStep(
  before: World,
  event: Event,
  effects: readonly Effect[],
  after: World,
): Broken {
  if (before.told !== undefined && after.told !== before.told) return 'A2: the decision has changed'
  const forces = effects.filter(({ type }) => type === 'force').length
  const answersForce = forceAnswers.includes(event.type)
  if (forces > 1 || (forces === 1 && before.forcing !== undefined && !answersForce)) {
    return 'A3: two forced records are out at once'
  }
  return (
    first(effects, (effect) => brokenByEffect(before, effect, after)) ??
    brokenOrder(effects) ??
    brokenPatience(before, event, effects) ??
    first([...after.state.branches.keys()], (branch) => brokenEnd(before, event, branch, after))
  )
}

const forceAnswers: readonly Happening['type'][] = ['recorded', 'not-recorded', 'refused']

/** What holds of every state, whatever led to it. */
export function brokenInWorld({ state, told }: World): Broken {
  const { phase, branches } = state
  if (isOver(phase) && phase !== 'unknown' && !branches.every(hasEnded)) {
    return 'A10: over, and a branch has not ended'
  }
  const onePhase = branches.filter((branch) => branch.phase === 'committing-one-phase')
  if (onePhase.length > 1) return 'A1: two branches commit without a vote'
  const early = branches.some((branch) => branch.phase === 'committing') && told !== 'committed'
  return early ? 'A3: a branch is committing, and nothing was decided' : undefined
}

function brokenByEffect(before: World, effect: Effect, after: World): Broken {
  switch (effect.type) {
    case 'commit':
      return brokenCommit(before, effect.branch, after)
    case 'roll-back':
      return brokenRollBack(before, effect.branch, after)
    case 'commit-one-phase':
      return brokenOnePhase(effect.branch, after)
    case 'commit-with-decision':
      return brokenCarriage(effect.branch, after)
    case 'force':
      return effect.record === 'decision' ? brokenForce(before, after) : undefined
    case 'decided':
      return brokenDecided(after)
    case 'settled':
      if (after.state.branches.every(hasEnded)) return undefined
      return 'A10: settled, and a branch has not ended'
    default:
      return undefined
  }
}

/** A1, A3: commit leaves under a durable decision, or where nobody can be prepared. */
function brokenCommit(before: World, branch: number, after: World): Broken {
  if (after.told !== 'committed') return 'A1: commit is sent, and none was decided'
  const phase = before.state.branches[branch]?.phase
  if (phase === 'unclear' || phase === 'active') return `A5: commit is sent to a branch ${phase}`
  if (after.durable === 'committed') return undefined
  if (phase === 'prepared') return 'A3: commit is sent before its decision is durable'
  return after.onePhaseMarked ? undefined : 'A9: commit without a record, and the log not told'
}

/** A1: no roll-back under `committed`; after an intent only under a durable `aborted`. */
function brokenRollBack(before: World, branch: number, after: World): Broken {
  if (after.told === 'committed') return 'A1: roll-back is sent, and commit was decided'
  if (after.durable === 'committed') return 'A1: roll-back is sent over a durable commit'
  if (after.durable === 'intent') return 'A3: roll-back is sent before its record is durable'
  const onlyRead = before.state.branches[branch]?.phase === 'read-only'
  return after.told === undefined && !onlyRead ? 'A2: roll-back without a decision' : undefined
}

/** A1: a commit without a vote is for one writer alone, or for the last one after its intent. */
function brokenOnePhase(branch: number, { state, onePhaseMarked, durable }: World): Broken {
  const others = state.branches.filter((_, each) => each !== branch)
  if (others.some(({ phase }) => phase === 'preparing' || phase === 'unclear')) {
    return 'A1: one-phase commit while a vote is missing'
  }
  if (others.every(({ phase }) => phase === 'read-only' || phase === 'ended')) {
    return onePhaseMarked ? undefined : 'A9: commit without a record, and the log not told'
  }
  if (state.branches[branch]?.role !== 'last') return 'A1: one-phase while others are prepared'
  return durable === 'intent' ? undefined : 'A3: the last resource commits before its intent'
}

/** A1: a decision leaves with the deciding branch's commit when nothing else can go against it. */
function brokenCarriage(branch: number, { state }: World): Broken {
  const others = state.branches.filter((_, each) => each !== branch)
  if (state.branches[branch]?.role !== 'deciding') return 'A1: a decision with another branch'
  if (others.some(({ role }) => role === 'last')) return 'A1: a decision before the last resource'
  const isVoted = others.every(({ phase }) => /^(prepared|read-only|ended)$/.test(phase))
  return isVoted ? undefined : 'A1: a decision leaves while a vote is missing'
}

/** A9: an abort is forced only where its absence would not say the same. */
function brokenForce(before: World, { state }: World): Broken {
  const forcedAbort = state.decision === 'aborted' && before.durable !== 'intent'
  return forcedAbort ? 'A9: an abort without an intent is forced' : undefined
}

/** A2, A3: what is told stands, whatever a crash leaves. */
function brokenDecided(world: World): Broken {
  const { state, durable, fate, onePhaseMarked } = world
  if (isCarried(world)) return 'A6: told, and the branch with the decision may have ended otherwise'
  if (state.decision === 'aborted') {
    if (durable === 'intent') return 'A2: told aborted, and a crash would leave it open'
    return fate === 'committed' ? 'A1: told aborted, and a branch has committed' : undefined
  }
  if (fate === 'aborted') return 'A1: told committed, and a branch has rolled back'
  if (durable === 'committed' || (onePhaseMarked && nobodyPrepared(state))) return undefined
  return 'A3: told committed before it is durable'
}

/** A3: within one step, the books come first, then the word, then the messages, then the end. */
function brokenOrder(effects: readonly Effect[]): Broken {
  const ranks = effects.map(({ type }) => {
    if (type === 'note-decision') return 0
    if (type === 'decided') return 1
    return type === 'settled' || type === 'unknown' || type === 'force' ? 3 : 2
  })
  const isSorted = ranks.every((rank, index) => rank >= (ranks[index - 1] ?? 0))
  return isSorted ? undefined : 'A3: effects out of order'
}

/** A10: who has not acknowledged is asked again; that no luck is needed for. */
function brokenPatience(before: World, event: Event, effects: readonly Effect[]): Broken {
  if (event.type !== 'acknowledged' && event.type !== 'retry') return undefined
  const phase = before.state.branches[event.branch]?.phase
  if (phase !== 'committing' && phase !== 'rolling-back') return undefined
  if (event.type === 'acknowledged' && event.result !== 'unknown') return undefined
  const message = phase === 'committing' ? 'commit' : 'roll-back'
  const next = event.type === 'retry' ? message : 'retry-later'
  const asks = effects.some((effect) => effect.type === next && effect.branch === event.branch)
  return asks ? undefined : 'A10: a branch that has not acknowledged is not asked again'
}

/** A10: a branch has ended only on somebody's word: its own, or who settles what is held. */
function brokenEnd(before: World, event: Event, branch: number, { state }: World): Broken {
  const now = state.branches[branch]
  const was = before.state.branches[branch]
  if (now === undefined || was === undefined || !hasEnded(now) || hasEnded(was)) return undefined
  const saidSo = 'branch' in event && event.branch === branch && saysEnded(event)
  const vouched = event.type === 'resolve' && now.role !== 'two-phase'
  // The one-phase answer was lost, and who only read is given up with it: nothing can be left there.
  const givenUp = state.phase === 'unknown' && was.phase === 'read-only'
  return saidSo || vouched || givenUp ? undefined : 'A10: a branch was ended on nobody’s word'
}

function saysEnded(event: Event): boolean {
  switch (event.type) {
    case 'voted':
      return event.vote === 'no' || event.vote === 'ended'
    case 'one-phase-ended':
    case 'acknowledged':
      return event.result !== 'unknown'
    default:
      return false
  }
}

function nobodyPrepared({ branches }: State): boolean {
  return branches.every(({ phase }) => phase !== 'prepared' && phase !== 'unclear')
}

function first<Item>(items: readonly Item[], broken: (item: Item) => Broken): Broken {
  for (const item of items) {
    const rule = broken(item)
    if (rule !== undefined) return rule
  }
  return undefined
}
