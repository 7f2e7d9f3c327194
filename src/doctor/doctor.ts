/**
 * The doctor: examines an installation's log and its resources, and says what it found, what that
 * would cause, and what cures it. It takes no slot of the log, holds no lock, and changes nothing,
 * so it runs beside a live application as well as without one.
 */
import { messageOf } from '../core/errors.ts'
import type { Severity } from '../core/finding-catalogue.ts'
import { type Finding, findingAt } from '../core/findings.ts'
import type { LogIdentity } from '../core/ids.ts'
import type { Clock, Timers } from '../core/ports.ts'
import type { Participant } from '../participants/contract.ts'
import { judgeTogether } from './across.ts'
import { bounded } from './bounded.ts'
import { judgeLog, type LogExpectation } from './log-findings.ts'
import type { DoctorLimits } from './options.ts'
import { type ExaminedResource, examineResource } from './resource.ts'
import type { LogSurvey, SurveyLog } from './survey.ts'

/** An installation, as whoever calls the doctor knows it. */
export interface Patient {
  readonly resources: ReadonlyMap<string, Participant>
  readonly log: LogExpectation
  /** Logs that the caller owns. */
  readonly logs: readonly LogIdentity[]
  /** Names whose database was replaced on purpose. */
  readonly acceptChanged: ReadonlySet<string>
  /** Looks at the log's directory; undefined where there is none to look at. */
  readonly survey: (() => ReturnType<SurveyLog>) | undefined
  /** What the caller has found already, and is to stand in the report. */
  readonly known?: readonly Finding[]
}

export interface DoctorPorts {
  readonly clock: Clock
  readonly timers: Timers
}

/** A resource as it was found. */
export interface ResourceReport {
  readonly name: string
  readonly kind: string
  readonly status: 'ready' | 'unavailable' | 'refused'
  /** The product and its version, where the resource tells. */
  readonly product: string | undefined
  readonly fingerprint: string | undefined
  /** Branches prepared there, whoever prepared them. */
  readonly prepared: number | undefined
  /** The server's clock less this machine's. */
  readonly clockAheadMs: number | undefined
}

/** The log as it was found. */
export interface LogReport {
  readonly directory: string
  readonly freeBytes: number | undefined
  readonly slots: readonly {
    readonly slot: number
    readonly held: boolean | undefined
    readonly pid: number | undefined
    readonly unfinished: number
  }[]
}

export interface DoctorReport {
  readonly installation: string
  /** Errors first; what is of the log before what is of resources. */
  readonly findings: readonly Finding[]
  readonly resources: readonly ResourceReport[]
  /** Undefined where it could not be looked at. */
  readonly log: LogReport | undefined
}

/** Never rejects; takes about twice `limits.limitMs` at most. */
export async function examine(
  patient: Patient,
  limits: DoctorLimits,
  ports: DoctorPorts,
): Promise<DoctorReport> {
  const { survey, problem } = await surveyed(patient, limits, ports)
  const slots = survey?.slots ?? []
  const logs = new Set([...patient.logs, ...slots.flatMap(({ identity }) => identity ?? [])])
  const examined = await Promise.all(
    [...patient.resources].map(([name, participant]) =>
      examineResource({
        name,
        participant,
        claims: { installation: patient.log.installation, logs },
        known: patient.acceptChanged.has(name) ? [] : fingerprintsOf(name, survey),
        limits,
        ...ports,
      }),
    ),
  )
  const processes = Math.max(1, slots.filter(({ isHeld }) => isHeld === true).length)
  const ofLog = survey === undefined ? [] : judgeLog(survey, patient.log)
  const findings = [
    ...[...problem, ...ofLog].map((each) => findingAt(undefined, each)),
    ...examined.flatMap((each) => each.findings),
    ...judgeTogether(examined, processes),
    ...(patient.known ?? []),
  ]
  return {
    installation: patient.log.installation,
    findings: findings.sort(bySeverity),
    resources: examined.map(reportOf),
    log: survey && logReportOf(survey),
  }
}

async function surveyed(
  patient: Patient,
  { limitMs }: DoctorLimits,
  { timers }: DoctorPorts,
): Promise<{ survey: LogSurvey | undefined; problem: Parameters<typeof findingAt>[1][] }> {
  const look = patient.survey
  if (look === undefined) return { survey: undefined, problem: [] }
  try {
    return { survey: await bounded({ timers, limitMs }, look), problem: [] }
  } catch (cause) {
    const found = `the log's directory: ${messageOf(cause)}`
    return { survey: undefined, problem: [{ id: 'not-examined', found }] }
  }
}

function fingerprintsOf(name: string, survey: LogSurvey | undefined): string[] {
  const recorded = (survey?.slots ?? []).flatMap(({ resources }) => resources)
  return recorded.filter((each) => each.name === name).map(({ fingerprint }) => fingerprint)
}

const ranks: readonly Severity[] = ['error', 'warning', 'notice']

function bySeverity(one: Finding, other: Finding): number {
  return ranks.indexOf(one.severity) - ranks.indexOf(other.severity) // stable, so the rest stays
}

function reportOf({ name, kind, check, diagnosis, prepared }: ExaminedResource): ResourceReport {
  return {
    name,
    kind,
    status: check.status,
    product: diagnosis?.product,
    fingerprint: check.status === 'ready' ? check.fingerprint : undefined,
    prepared: prepared?.length,
    clockAheadMs: diagnosis?.clock?.aheadMs,
  }
}

function logReportOf({ directory, fileSystem, slots }: LogSurvey): LogReport {
  return {
    directory,
    freeBytes: fileSystem?.freeBytes,
    slots: slots.map(({ slot, isHeld, pid, unfinished }) => {
      return { slot, held: isHeld, pid, unfinished }
    }),
  }
}
