/**
 * Kinds of weather. A seed belongs to one profile and draws the rest of its plan within it, so that
 * calm days and disasters are both covered, and each kind of fault also occurs alone.
 */
import type { Settings } from '../coordinator/settings.ts'
import type { BatchPlan } from './batch-plan.ts'
import type { DecisionPlan } from './decision-plan.ts'
import { calmNetwork, type NetworkConditions } from './network/conditions.ts'
import type { SeededRandom } from './random.ts'

export const profiles = [
  'calm',
  'contention',
  'network',
  'process-crash',
  'power',
  'resource-crash',
  'disk',
  'last-resource',
  'hang',
  'operator',
  'everything',
] as const

export type Profile = (typeof profiles)[number]

type Range = readonly [low: number, high: number]

/** Everything about a run that is not drawn on the way. Rates are mean intervals in ms; 0: never. */
export interface Plan {
  readonly profile: Profile
  readonly processes: number
  /** Processes that are started again at the end: the others stay dead, and are adopted. */
  readonly survivors: number
  readonly databases: number
  readonly services: number
  readonly lastResources: readonly ('evidence' | 'operator')[]
  /** Undefined: the decisions are on the disk. */
  readonly decisions: DecisionPlan | undefined
  /** Undefined: no transfer is executed without a callback. */
  readonly batches: BatchPlan | undefined
  readonly accounts: number
  /** Faults and new work end here. */
  readonly activityMs: number
  /** Between two calls in one process. */
  readonly arrivalMs: number
  readonly callsMax: number
  readonly settings: Partial<Settings>
  /**
   * Whether orphans are left alone for longer than any message lives. Without that patience a
   * PREPARE may land after its log was given up as clean: no rule but liveness rests on it.
   */
  readonly isPatient: boolean
  readonly canCommitOnePhase: boolean
  readonly poolSize: number
  readonly preparedLimit: number
  readonly xidDigits: number
  /** A process is to die while it opens its log. */
  readonly openCrashChance: number
  readonly network: NetworkConditions
  readonly conflictChance: number
  readonly noVoteChance: number
  readonly forcedWriteMs: Range
  /** One turn of the disk. */
  readonly diskTurnMs: Range
  /** A turn that takes long. */
  readonly diskStallChance: number
  readonly diskStallMs: Range
  /** A sync fails (EIO). */
  readonly syncFailChance: number
  /** Another operation of the disk fails. */
  readonly diskFailChance: number
  /** The disk is full now and then. */
  readonly diskFullMs: number
  readonly retention: { readonly ms: number; readonly bytes: number } | undefined
  readonly processCrashMs: number
  readonly processHangMs: number
  readonly processCloseMs: number
  readonly powerLossMs: number
  readonly resourceCrashMs: number
  readonly resourceHangMs: number
  readonly partitionMs: number
  readonly connectionBreakMs: number
  readonly byHandMs: number
  readonly operatorMs: number
  readonly wallJumpMs: number
}

/** What each profile turns on; the numbers say how hard, from 0 to 1. */
interface Weather {
  readonly contention: number
  readonly network: number
  readonly processes: number
  readonly power: number
  readonly resources: number
  readonly disk: number
  readonly last: number
  readonly hang: number
  readonly operator: number
}

const fair: Weather = {
  contention: 0.1,
  network: 0,
  processes: 0,
  power: 0,
  resources: 0,
  disk: 0,
  last: 0.2,
  hang: 0,
  operator: 0,
}

const weathers: Readonly<Record<Profile, Weather>> = {
  calm: fair,
  contention: { ...fair, contention: 1 },
  network: { ...fair, network: 1 },
  'process-crash': { ...fair, processes: 1, network: 0.2 },
  power: { ...fair, power: 1, processes: 0.3 },
  'resource-crash': { ...fair, resources: 1, network: 0.2 },
  disk: { ...fair, disk: 1, processes: 0.3, power: 0.4 },
  'last-resource': { ...fair, last: 1, network: 0.4, processes: 0.6, resources: 0.4 },
  hang: { ...fair, hang: 1, network: 0.3 },
  operator: { ...fair, operator: 1, last: 0.6, network: 0.4, resources: 0.5, processes: 0.3 },
  everything: {
    contention: 0.5,
    network: 0.7,
    processes: 0.7,
    power: 0.5,
    resources: 0.6,
    disk: 0.6,
    last: 0.5,
    hang: 0.5,
    operator: 0.5,
  },
}

/** Longer than any message lives, at a resource that hangs besides; see docs/simulation.md. */
const patientMs = 4_500

/** Draws the plan of a run, but for where it keeps its decisions, and what it executes. */
export function drawPlan(
  random: SeededRandom,
  given?: Profile,
): Omit<Plan, 'decisions' | 'batches'> {
  const profile = given ?? random.pick(profiles)
  const weather = weathers[profile]
  const processes = random.integer(1, 3)
  const lastCount = random.chance(weather.last) ? 1 : 0
  const services = random.chance(0.4) ? 1 : 0
  return {
    profile,
    processes,
    survivors: random.integer(1, processes),
    databases: random.integer(lastCount + services > 0 ? 1 : 2, 3),
    services,
    lastResources: lastCount > 0 ? [random.chance(0.6) ? 'evidence' : 'operator'] : [],
    accounts: weather.contention > 0.3 ? random.integer(1, 3) : random.integer(4, 8),
    activityMs: random.between(1_500, 5_000),
    arrivalMs: random.between(40, 250),
    callsMax: random.integer(6, 16),
    ...drawSettings(random, weather),
    canCommitOnePhase: random.chance(0.85),
    poolSize: random.chance(weather.contention) ? random.integer(1, 3) : 10,
    preparedLimit: random.chance(weather.contention * 0.5) ? random.integer(2, 4) : 50,
    // A batch that is torn by a power cut takes several sectors.
    xidDigits: random.chance(weather.power >= 0.4 ? 0.9 : 0.5) ? random.integer(225, 248) : 1,
    openCrashChance: random.chance(Math.max(weather.processes, weather.power)) ? 0.3 : 0,
    network: drawNetwork(random, weather),
    conflictChance: weather.contention * random.between(0, 0.1),
    noVoteChance: random.between(0, 0.08),
    forcedWriteMs: random.chance(0.2) ? [2, 30] : [0.3, 3],
    ...drawDisk(random, weather),
    retention: random.chance(0.1) ? { ms: 0, bytes: 2_000 } : undefined,
    ...drawFaults(random, weather),
  }
}

function drawSettings(
  random: SeededRandom,
  weather: Weather,
): Pick<Plan, 'settings' | 'isPatient'> {
  const isPatient = random.chance(0.7)
  const settings = {
    timeoutMs: random.between(300, 1_500),
    settleWaitMs: random.chance(0.5) ? 200 : 2_000,
    maxActive: random.chance(0.1) ? 3 : 1_000,
    maxPrepared: random.chance(weather.contention * 0.5) ? random.integer(1, 3) : 100,
    deliveryTimeoutMs: random.between(150, 1_000),
    backOffFirstMs: 20,
    backOffMaxMs: random.between(300, 1_500),
    sweepIntervalMs: random.between(1_000, 3_000),
    orphanIntervalMs: isPatient ? patientMs : random.between(20, 300),
    adoptIntervalMs: random.between(1_000, 4_000),
    checkIntervalMs: random.between(200, 900),
  }
  return { settings, isPatient }
}

function drawNetwork(random: SeededRandom, { network }: Weather): NetworkConditions {
  if (network === 0) return calmNetwork
  const hard = network * random.fraction()
  return {
    latencyMs: [0.2, random.pick([1, 5, 20])],
    slowChance: hard * 0.1,
    slowMs: [50, random.pick([200, 1_000, 2_500])],
    lossChance: hard * 0.15,
    duplicateChance: hard * 0.15,
    breakChance: hard * 0.05,
  }
}

type DiskPlan = Pick<
  Plan,
  | 'diskTurnMs'
  | 'diskStallChance'
  | 'diskStallMs'
  | 'syncFailChance'
  | 'diskFailChance'
  | 'diskFullMs'
>

function drawDisk(random: SeededRandom, { disk }: Weather): DiskPlan {
  const isFailing = random.chance(disk)
  return {
    diskTurnMs: random.chance(0.2) ? [0.5, 15] : [0.05, 0.6],
    diskStallChance: random.chance(0.1 + disk / 2) ? 0.02 : 0,
    diskStallMs: [50, random.pick([300, 1_500])],
    syncFailChance: isFailing ? random.between(0, 0.06) : 0,
    diskFailChance: isFailing && random.chance(0.5) ? random.between(0, 0.01) : 0,
    diskFullMs: isFailing && random.chance(0.3) ? 1_500 : 0,
  }
}

type FaultPlan = Pick<
  Plan,
  | 'processCrashMs'
  | 'processHangMs'
  | 'processCloseMs'
  | 'powerLossMs'
  | 'resourceCrashMs'
  | 'resourceHangMs'
  | 'partitionMs'
  | 'connectionBreakMs'
  | 'byHandMs'
  | 'operatorMs'
  | 'wallJumpMs'
>

function drawFaults(random: SeededRandom, weather: Weather): FaultPlan {
  const every = (how: number, meanMs: number): number =>
    how > 0 && random.chance(0.3 + 0.7 * how) ? meanMs / how : 0
  return {
    processCrashMs: every(weather.processes, 1_000),
    processHangMs: every(weather.hang, 1_200),
    processCloseMs: random.chance(0.3) ? 2_500 : 0,
    powerLossMs: every(weather.power, 2_000),
    resourceCrashMs: every(weather.resources, 1_200),
    resourceHangMs: every(weather.hang, 1_500),
    partitionMs: every(weather.network, 1_500),
    connectionBreakMs: every(weather.network, 800),
    byHandMs: every(weather.operator, 1_000),
    operatorMs: every(weather.operator, 700),
    wallJumpMs: random.chance(0.15) ? 1_500 : 0,
  }
}
