/**
 * One piece of work: money moved between accounts at several resources, in one of the ways in which
 * users call a coordinator, and with the things that go wrong in users' code.
 */
import type { TransactionOptions } from '../../coordinator/options.ts'
import type { Signal } from '../../core/ports.ts'
import type { Plan } from '../profile.ts'
import type { SeededRandom } from '../random.ts'

/** One change of one account; an amount of 0 only reads it. */
export interface Leg {
  readonly resource: string
  readonly account: string
  readonly amount: number
}

export interface Transfer {
  /** `ambient`: joins through `coordinator.join`, deep in the work; `execute`: without a callback. */
  readonly form: 'declared' | 'dynamic' | 'ambient' | 'execute'
  /** Their amounts add up to 0. */
  readonly legs: readonly Leg[]
  /** Declared, and not used. */
  readonly idle: readonly string[]
  readonly isParallel: boolean
  /** The work sleeps between two legs. */
  readonly pauseMs: number
  readonly fault: 'none' | 'throws' | 'not-awaited' | 'caught-inside' | 'goes-on'
  /** The resource at which it shows: a database. */
  readonly faultAt: string
  /** Legs of a nested part, whose amounts add up to 0 as well, and whether it throws. */
  readonly nested: { readonly legs: readonly Leg[]; readonly throws: boolean } | undefined
  /** Another transaction of its own inside the work. */
  readonly inner: Transfer | undefined
  readonly timeoutMs: number | undefined
  readonly abortAfterMs: number | undefined
  readonly attempts: number
  /** Resources that are declared read-only. */
  readonly readOnly: readonly string[]
  /** The work gives its legs to `execute`, inside its transaction. */
  readonly executesInside: boolean
  /** What it executes is made when the transaction is there, and carries its id. */
  readonly makesStatements: boolean
}

/** Names of the resources, by what they can do. */
export interface ResourceNames {
  readonly databases: readonly string[]
  readonly services: readonly string[]
  readonly lastResources: readonly string[]
}

/** Of a call that may name its resources. */
export type DeclaredOptions = TransactionOptions & { readonly propagation?: 'requires-new' }

const amountMax = 50

export function drawTransfer(
  random: SeededRandom,
  names: ResourceNames,
  plan: Plan,
  depth = 0,
): Transfer {
  const resources = drawResources(random, names)
  const isNested = random.chance(0.12) && resources.every((name) => names.databases.includes(name))
  const faultAt = resources.find((name) => names.databases.includes(name))
  const isFaulty = faultAt !== undefined && random.chance(0.15)
  return {
    form: random.pick(['declared', 'declared', 'dynamic', 'ambient']),
    legs: drawLegs(random, resources, plan.accounts),
    idle: drawIdle(random, plan),
    isParallel: random.chance(0.5),
    pauseMs: random.chance(0.2) ? random.between(1, 400) : 0,
    fault: isFaulty ? random.pick(['throws', 'not-awaited', 'caught-inside', 'goes-on']) : 'none',
    faultAt: faultAt ?? '',
    nested: isNested
      ? { legs: drawLegs(random, resources, plan.accounts), throws: random.chance(0.4) }
      : undefined,
    inner: depth === 0 && random.chance(0.04) ? drawTransfer(random, names, plan, 1) : undefined,
    timeoutMs: random.chance(0.15) ? random.between(5, 200) : undefined,
    abortAfterMs: random.chance(0.06) ? random.between(0, 60) : undefined,
    attempts: random.chance(0.3) ? 3 : 1,
    readOnly: [],
    executesInside: false,
    makesStatements: false,
  }
}

/** As the call that runs it gives them. */
export function optionsOf(
  { timeoutMs, attempts }: Transfer,
  signal: Signal | undefined,
  isInner: boolean,
): DeclaredOptions {
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(signal === undefined ? {} : { signal }),
    ...(attempts === 1 ? {} : { retry: { attempts } }),
    ...(isInner ? { propagation: 'requires-new' } : {}),
  }
}

/** By resource, what these legs change: account to change. */
export function changesOf(legs: readonly Leg[]): Map<string, Map<string, number>> {
  const changed = new Map<string, Map<string, number>>()
  for (const { resource, account, amount } of legs) {
    if (amount !== 0) noteChange(changed, resource, account, amount)
  }
  return changed
}

export function noteChange(
  changed: Map<string, Map<string, number>>,
  resource: string,
  account: string,
  amount: number,
): void {
  const changes = changed.get(resource) ?? new Map<string, number>()
  changed.set(resource, changes)
  changes.set(account, (changes.get(account) ?? 0) + amount)
}

/** One resource sometimes, most often two, and never two that can't prepare. */
function drawResources(random: SeededRandom, names: ResourceNames): string[] {
  const last = random.chance(0.6) ? names.lastResources : []
  const all = random.shuffled([...names.databases, ...names.services, ...last])
  return all.slice(0, random.pick([1, 2, 2, 2, 3, 4]))
}

/** The database that keeps the decisions, where there is one. */
function drawIdle(random: SeededRandom, { decisions }: Plan): string[] {
  return decisions !== undefined && random.chance(decisions.idleChance) ? [decisions.in] : []
}

function drawLegs(random: SeededRandom, resources: readonly string[], accounts: number): Leg[] {
  const accountOf = (): string => `a${random.integer(0, accounts - 1)}`
  if (random.chance(0.05)) {
    return resources.map((resource) => ({ resource, account: accountOf(), amount: 0 }))
  }
  const [only] = resources
  if (resources.length === 1 && only !== undefined) {
    const amount = random.integer(1, amountMax)
    return [
      { resource: only, account: accountOf(), amount },
      { resource: only, account: accountOf(), amount: -amount },
    ]
  }
  let rest = 0
  const legs = resources.map((resource, index): Leg => {
    const isLast = index === resources.length - 1
    const isRead = !isLast && random.chance(0.1)
    const drawn = isRead ? 0 : random.integer(1, amountMax) * random.pick([-1, 1])
    const amount = isLast ? -rest : drawn
    rest += amount
    return { resource, account: accountOf(), amount }
  })
  return random.shuffled(legs)
}
