/**
 * Walks through every state that a transaction can reach, over every order of votes, answers,
 * records, retries, crashes, late and repeated messages; each step is judged by `invariants.ts`.
 */
import { BrokenInvariant } from '../../../src/core/invariant.ts'
import type { State } from '../../../src/protocol/two-phase/state.ts'
import { isOver } from '../../../src/protocol/two-phase/state.ts'
import {
  beginWorld,
  crashed,
  type Happening,
  happenings,
  type Protocol,
  production,
  type Role,
  taken,
  type World,
} from './environment.ts'
import { brokenByFinding, brokenByStep, brokenInWorld } from './invariants.ts'

interface Visited {
  readonly world: World
  readonly from: Visited | undefined
  readonly by: Happening | undefined
  /** Where it can go; filled in while exploring. */
  readonly next: Visited[]
  /** A crash here leaves no record: the branches are told `aborted` by presumption (A9). */
  presumable: boolean
}

export interface Exploration {
  /** Different states of the protocol. */
  readonly states: readonly State[]
  /** How many states of the protocol and of the world around it there are together. */
  readonly worlds: number
  readonly steps: number
  /** `phase event` of each pair that did something. */
  readonly moves: ReadonlySet<string>
}

/** Explores transactions with these branches; throws with the path to the first broken rule. */
export function explore(roles: readonly Role[], protocol: Protocol = production): Exploration {
  const first = visit(beginWorld(roles), undefined, undefined)
  const visited = new Map([[keyOf(first.world), first]])
  const moves = new Set<string>()
  let steps = 0
  // A map is walked in the order of insertion, what is inserted meanwhile included.
  for (const at of visited.values()) {
    judgeWorld(protocol, at)
    for (const happening of happenings(at.world)) {
      steps += 1
      const { world, didSomething } = follow(protocol, at, happening)
      if (didSomething) moves.add(`${at.world.state.phase} ${happening.type}`)
      if (world === undefined) {
        at.presumable = true
        continue
      }
      const key = keyOf(world)
      const next = visited.get(key) ?? visit(world, at, happening)
      at.next.push(next)
      visited.set(key, next)
    }
  }
  const worlds = [...visited.values()]
  judgeLiveness(worlds)
  const states = new Map(worlds.map(({ world }) => [keyOfState(world.state), world.state]))
  return { states: [...states.values()], worlds: visited.size, steps, moves }
}

function visit(world: World, from: Visited | undefined, by: Happening | undefined): Visited {
  return { world, from, by, next: [], presumable: false }
}

/** As `JSON.stringify(world)` would tell worlds apart, at a tenth of its cost. */
function keyOf(world: World): string {
  const { state, asked, retryDue, forcing, recordedBranches } = world
  return [
    keyOfState(state),
    asked.join(';'),
    retryDue,
    `${forcing?.record} ${forcing?.decision}`,
    world.durable,
    recordedBranches.map(({ branch, role }) => `${branch} ${role}`),
    world.perhapsDurable,
    world.onePhaseMarked,
    world.fate,
    world.told,
    world.crashes,
  ].join('|')
}

function keyOfState({ phase, branches, decision }: State): string {
  const each = branches.map((branch) => `${branch.phase} ${branch.role} ${branch.onePhase}`)
  return `${phase} ${decision} ${each}`
}

interface Followed {
  /** The world after a happening; undefined after a crash that leaves no record. */
  readonly world: World | undefined
  /** Whether the protocol took notice of it. */
  readonly didSomething: boolean
}

function follow(protocol: Protocol, at: Visited, happening: Happening): Followed {
  if (happening.type === 'crash') {
    const found = crashed(protocol, at.world, happening.finds)
    judge(at, happening, brokenByFinding(at.world, found))
    return { world: found, didSomething: false }
  }
  try {
    const made = protocol.step(at.world.state, happening)
    const world = taken(at.world, happening, made)
    judge(at, happening, brokenByStep(at.world, happening, made.effects, world))
    return { world, didSomething: made.state !== at.world.state || made.effects.length > 0 }
  } catch (error) {
    if (error instanceof BrokenInvariant) judge(at, happening, error.message)
    throw error
  }
}

/** What holds of every state, whatever led to it. */
function judgeWorld({ step }: Protocol, at: Visited): void {
  const { state } = at.world
  judge(at, undefined, brokenInWorld(at.world))
  if (state.phase === 'active') return
  try {
    step(state, { type: 'join', role: 'two-phase', onePhase: false })
  } catch (error) {
    if (error instanceof BrokenInvariant && error.rule === 'A4') return
    throw error
  }
  judge(at, undefined, 'A4: a late branch was let in')
}

/** A10: from everywhere something leads to the end; what interrupts it is only a dead coordinator. */
function judgeLiveness(all: readonly Visited[]): void {
  const ends = new Set(all.filter((each) => isOver(each.world.state.phase) || each.presumable))
  for (let grown = true; grown; ) {
    grown = false
    for (const each of all) {
      if (ends.has(each) || !each.next.some((next) => ends.has(next))) continue
      ends.add(each)
      grown = true
    }
  }
  const stuck = all.find((each) => !ends.has(each))
  if (stuck !== undefined) judge(stuck, undefined, 'A10: nothing leads from here to an end')
}

function judge(at: Visited, happening: Happening | undefined, broken: string | undefined): void {
  if (broken === undefined) return
  const last = happening === undefined ? '' : `\n  ${JSON.stringify(happening)}  <- here`
  throw new Error(`${broken}\n${pathTo(at)}${last}`)
}

function pathTo(at: Visited): string {
  const lines: string[] = []
  for (let each: Visited | undefined = at; each !== undefined; each = each.from) {
    lines.unshift(`  ${JSON.stringify(each.by ?? 'begin')}\n    ${show(each.world.state)}`)
  }
  return lines.join('\n')
}

function show({ phase, branches }: State): string {
  return `${phase} [${branches.map((each) => `${each.role} ${each.phase}`).join(', ')}]`
}
