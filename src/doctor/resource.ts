/**
 * Examines one resource: by the check that the coordinator makes too, by the implementation's own
 * diagnosis, and by what is prepared there. Never rejects; each part has its limit, and what one
 * part can't say keeps no other from speaking.
 */
import { messageOf } from '../core/errors.ts'
import { findingCatalogue } from '../core/finding-catalogue.ts'
import { type Finding, findingAt, type ReportedFinding } from '../core/findings.ts'
import type { Clock, Timers } from '../core/ports.ts'
import type {
  Diagnosis,
  Participant,
  PreparedBranch,
  ResourceCheck,
} from '../participants/contract.ts'
import { bounded } from './bounded.ts'
import type { DoctorLimits } from './options.ts'
import { type Claims, judgePrepared } from './prepared-findings.ts'
import { spanOf } from './wording.ts'

export interface ExaminedResource {
  readonly name: string
  readonly kind: string
  readonly check: ResourceCheck
  readonly diagnosis: Diagnosis | undefined
  /** Undefined where they could not be listed. */
  readonly prepared: readonly PreparedBranch[] | undefined
  readonly findings: readonly Finding[]
}

export interface ResourceExamination {
  readonly name: string
  readonly participant: Participant
  readonly claims: Omit<Claims, 'ownAgeMs' | 'strangerAgeMs'>
  /** By which fingerprints the log knows this name; empty where it does not, or any will do. */
  readonly known: readonly string[]
  readonly limits: DoctorLimits
  readonly clock: Clock
  readonly timers: Timers
}

type Answer<Value> = { readonly value: Value } | { readonly cause: unknown }

export async function examineResource(given: ResourceExamination): Promise<ExaminedResource> {
  const { name, participant, claims, limits, timers, clock } = given
  const asked = <Value>(work: () => Promise<Value>): Promise<Answer<Value>> =>
    bounded({ timers, limitMs: limits.limitMs }, work).then(
      (value) => ({ value }),
      (cause: unknown) => ({ cause }),
    )
  const [checked, diagnosed] = await Promise.all([
    asked(() => participant.check()),
    asked(async () => await participant.diagnose?.({ logs: claims.logs })),
  ])
  const check: ResourceCheck =
    'value' in checked ? checked.value : { status: 'unavailable', cause: checked.cause }
  const diagnosis = 'value' in diagnosed ? diagnosed.value : undefined
  const isReached = check.status !== 'unavailable' || diagnosis !== undefined
  const listed = isReached
    ? await asked(async () => diagnosis?.prepared ?? (await participant.listPrepared?.()))
    : undefined
  const prepared = listed !== undefined && 'value' in listed ? (listed.value ?? []) : undefined
  const serverNowMs = clock.wallMs() + (diagnosis?.clock?.aheadMs ?? 0)
  const reported = [
    ...(diagnosis?.findings ?? []),
    ...judgeAnswers(check, diagnosed, listed),
    ...judgeFingerprint(name, check, given.known),
    ...judgeClock(diagnosis, limits),
    ...judgePrepared(prepared ?? [], diagnosis, serverNowMs, { ...claims, ...limits }),
  ]
  const findings = reported.map((each) => findingAt(name, each))
  return { name, kind: participant.kind, check, diagnosis, prepared, findings }
}

/** What the check and the parts that failed add to what the implementation said itself. */
function judgeAnswers(
  check: ResourceCheck,
  diagnosed: Answer<Diagnosis | undefined>,
  listed: Answer<unknown> | undefined,
): ReportedFinding[] {
  const own = 'value' in diagnosed ? (diagnosed.value?.findings ?? []) : []
  const isExplained = own.some(({ id }) => findingCatalogue[id].severity === 'error')
  if (check.status === 'unavailable') {
    return isExplained ? [] : [{ id: 'resource-unreachable', found: unreachable(check.cause) }]
  }
  const reported: ReportedFinding[] = []
  if (check.status === 'refused' && !isExplained) {
    const found = `${check.problem}. ${check.cure}`
    reported.push({ id: 'resource-refused', found, command: commandIn(check.cure) })
  }
  if ('cause' in diagnosed) {
    reported.push({ id: 'not-examined', found: `its set-up: ${messageOf(diagnosed.cause)}` })
  }
  const isHidden = own.some(({ id }) => id === 'prepared-hidden')
  if (listed !== undefined && 'cause' in listed && !isHidden) {
    reported.push({ id: 'not-examined', found: `what is prepared: ${messageOf(listed.cause)}` })
  }
  return reported
}

/** The statement in a cure that begins with `Run`, and ends before what else could be done. */
function commandIn(cure: string): string | undefined {
  const statement = /^Run ((?:GRANT|ALTER|SET) .+?)(?:\.$|\. |; | and | \()/.exec(cure)?.[1]
  return statement === undefined ? undefined : `${statement};`
}

/** Drivers leave the message of a failed connection empty where several addresses were tried. */
function unreachable(cause: unknown): string {
  const message = messageOf(cause)
  if (message !== '') return message
  const tried = cause instanceof AggregateError ? cause.errors.map(messageOf) : []
  return tried.length > 0 ? tried.join('; ') : 'it can not be reached'
}

function judgeFingerprint(
  name: string,
  check: ResourceCheck,
  known: readonly string[],
): ReportedFinding[] {
  if (check.status !== 'ready' || known.length === 0 || known.includes(check.fingerprint)) return []
  const found = `it was ${known.at(-1)}, and now is ${check.fingerprint}`
  const command = `acceptChanged: ['${name}']  // an option, where it was replaced on purpose`
  return [{ id: 'resource-changed', found, command }]
}

function judgeClock(
  diagnosis: Diagnosis | undefined,
  { clockSkewMs }: DoctorLimits,
): ReportedFinding[] {
  if (diagnosis?.clock === undefined) return []
  const { aheadMs, uncertaintyMs } = diagnosis.clock
  // Half of the round trip may have passed on either way.
  if (Math.abs(aheadMs) - uncertaintyMs <= clockSkewMs) return []
  const which = aheadMs > 0 ? 'ahead of' : 'behind'
  const found =
    `its clock is ${spanOf(Math.abs(aheadMs))} ${which} this machine's ` +
    `(give or take ${spanOf(uncertaintyMs)}; the limit is ${spanOf(clockSkewMs)})`
  return [{ id: 'clock-skew', found, command: 'timedatectl set-ntp true' }]
}
