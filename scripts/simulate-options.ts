/** The command line of `npm run simulate`. */
import { type DecisionPlace, decisionPlaces } from '../src/simulation/decision-plan.ts'
import { mutants } from '../src/simulation/mutants/all.ts'
import type { Mutant } from '../src/simulation/mutants/mutant.ts'
import { type Profile, profiles } from '../src/simulation/profile.ts'

export const usage = `usage: npm run simulate -- [options]

  --seeds N            how many seeds to run (default 1000; 1 with --seed alone)
  --seed S             the first seed (default 1); alone: runs that seed and prints its trace
  --protocol NAME      two-phase (the default, and the only one so far)
  --profile NAME       one kind of weather only: ${profiles.slice(0, 6).join(', ')},
                       ${profiles.slice(6).join(', ')}
  --decisions PLACE    keeps the decisions in a ${decisionPlaces.join(' or in a ')} in every seed
  --mutant NAME        plants a bug, and runs until it is caught
  --mutants            plants every known bug, one after the other; fails if any survives
  --workers K          processes to run in (default: one for each core)
  --trace FILE         writes the whole trace of the first failing seed, or of the only seed
  --help`

export interface SimulateOptions {
  readonly seeds: number
  readonly firstSeed: number
  /** Replays one seed and shows what happened. */
  readonly isReplay: boolean
  readonly profile: Profile | undefined
  readonly decisions: DecisionPlace | undefined
  readonly mutant: Mutant | undefined
  readonly isAllMutants: boolean
  readonly workers: number
  readonly traceFile: string | undefined
}

/** The input is not usable: the message says what is wrong with it. */
export class UsageError extends Error {}

/** Seeds have 32 bits. */
const numberMax = 2 ** 32 - 1

const withValue = new Set([
  'seeds',
  'seed',
  'protocol',
  'profile',
  'decisions',
  'mutant',
  'workers',
  'trace',
])

/** Undefined for `--help`. Throws `UsageError`. */
export function parseOptions(given: readonly string[], cores: number): SimulateOptions | undefined {
  const values = readArguments(given)
  if (values.has('help')) return undefined
  const protocol = values.get('protocol') ?? 'two-phase'
  if (protocol !== 'two-phase') throw new UsageError(`there is no protocol '${protocol}' here`)
  const profile = values.get('profile')
  if (profile !== undefined && !isProfile(profile)) {
    throw new UsageError(`there is no profile '${profile}'`)
  }
  const decisions = values.get('decisions')
  if (decisions !== undefined && !isDecisionPlace(decisions)) {
    throw new UsageError(`decisions are in a ${decisionPlaces.join(' or ')}, not '${decisions}'`)
  }
  const name = values.get('mutant')
  const mutant = mutants.find((each) => each.name === name)
  if (name !== undefined && mutant === undefined) {
    throw new UsageError(`there is no mutant '${name}'; see src/simulation/mutants`)
  }
  const isReplay = values.has('seed') && !values.has('seeds') && mutant === undefined
  const isAllMutants = values.has('mutants')
  if (isAllMutants && (mutant !== undefined || values.has('seed'))) {
    throw new UsageError('--mutants goes with no --mutant and no --seed')
  }
  return {
    seeds: numberOf(values, 'seeds', isReplay ? 1 : (mutant?.seeds ?? 1_000)),
    firstSeed: numberOf(values, 'seed', 1),
    isReplay,
    profile: profile ?? mutant?.profile,
    decisions: decisions ?? mutant?.decisions,
    mutant,
    isAllMutants,
    workers: numberOf(values, 'workers', cores),
    traceFile: values.get('trace'),
  }
}

function readArguments(given: readonly string[]): Map<string, string> {
  const values = new Map<string, string>()
  for (let index = 0; index < given.length; index += 1) {
    const argument = given[index] ?? ''
    const [, name = '', inline] = /^--([a-z]+)(?:=(.*))?$/s.exec(argument) ?? []
    if (name === 'help' || name === 'mutants') values.set(name, '')
    else if (withValue.has(name)) {
      const value = inline ?? given[++index]
      if (value === undefined || value === '') throw new UsageError(`--${name} needs a value`)
      values.set(name, value)
    } else throw new UsageError(`'${argument}' is no option`)
  }
  return values
}

function numberOf(values: ReadonlyMap<string, string>, name: string, fallback: number): number {
  const text = values.get(name)
  if (text === undefined) return fallback
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || value > numberMax) {
    throw new UsageError(`--${name} must be a whole number from 1, not '${text}'`)
  }
  return value
}

function isDecisionPlace(text: string): text is DecisionPlace {
  return (decisionPlaces as readonly string[]).includes(text)
}

function isProfile(text: string): text is Profile {
  return (profiles as readonly string[]).includes(text)
}
