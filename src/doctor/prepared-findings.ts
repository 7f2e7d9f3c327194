/** What the prepared branches at a resource mean: whose they are, and for how long they wait. */
import type { ReportedFinding } from '../core/findings.ts'
import { type LogIdentity, parseBranchId } from '../core/ids.ts'
import type { Diagnosis, PreparedBranch } from '../participants/contract.ts'
import { counted, listOf, spanOf } from './wording.ts'

export interface Claims {
  readonly installation: string
  /** The logs of this installation that are known here. */
  readonly logs: ReadonlySet<LogIdentity>
  readonly ownAgeMs: number
  readonly strangerAgeMs: number
}

type Owner = 'ours' | 'namesake' | 'stranger'

export function judgePrepared(
  prepared: readonly PreparedBranch[],
  diagnosis: Diagnosis | undefined,
  serverNowMs: number,
  claims: Claims,
): ReportedFinding[] {
  const of = (owner: Owner): PreparedBranch[] =>
    prepared.filter(({ id }) => ownerOf(id, claims) === owner)
  const [ours, others] = [of('ours'), of('stranger')]
  return [
    ...judgeNamesakes(of('namesake'), diagnosis, claims),
    ...ownWait(waiting(ours, serverNowMs, claims.ownAgeMs)),
    ...strangersWait(waiting(others, serverNowMs, claims.strangerAgeMs), diagnosis),
    ...judgeUndated(prepared, diagnosis, { ours, others, claims }),
  ]
}

function ownerOf(id: string, { installation, logs }: Claims): Owner {
  const parts = parseBranchId(id)
  if (parts === undefined || parts.installation !== installation) return 'stranger'
  return logs.has(parts.log) ? 'ours' : 'namesake'
}

interface Waiting {
  readonly ids: readonly string[]
  /** Each with its age, or, where that is not told, the age of the oldest. */
  readonly text: string
}

/** Those that wait for longer than the limit, of those that tell their age. */
function waiting(
  branches: readonly PreparedBranch[],
  serverNowMs: number,
  limitMs: number,
): Waiting | undefined {
  const dated = branches.flatMap(({ id, preparedAtMs }) => {
    const ageMs = serverNowMs - (preparedAtMs ?? serverNowMs)
    return ageMs > limitMs ? [{ id, shown: `${id} (${spanOf(ageMs)})` }] : []
  })
  if (dated.length === 0) return undefined
  const shown = listOf(dated.map((each) => each.shown))
  return {
    ids: dated.map(({ id }) => id),
    text: `prepared for longer than ${spanOf(limitMs)}: ${shown}`,
  }
}

/**
 * Where one age stands for all that is prepared at a server: it is ours, or another's, only where all
 * are of one side; else it is said that it is one of them.
 */
function judgeUndated(
  prepared: readonly PreparedBranch[],
  diagnosis: Diagnosis | undefined,
  sides: {
    readonly ours: readonly PreparedBranch[]
    readonly others: readonly PreparedBranch[]
    readonly claims: Claims
  },
): ReportedFinding[] {
  const { ours, others, claims } = sides
  const { oldestAgeMs, elsewhere = 0 } = diagnosis?.undated ?? {}
  if (oldestAgeMs === undefined) return []
  const limitMs = Math.min(
    ours.length > 0 ? claims.ownAgeMs : Number.POSITIVE_INFINITY,
    others.length > 0 ? claims.strangerAgeMs : Number.POSITIVE_INFINITY,
  )
  if (oldestAgeMs <= limitMs) return []
  const ids = [...ours, ...others].map(({ id }) => id)
  const oldest = `the oldest of all that is prepared there is at least ${spanOf(oldestAgeMs)} old`
  const limit = `(the limit is ${spanOf(limitMs)})`
  const all = { ids, text: `prepared, and ${oldest} ${limit}: ${listOf(ids)}` }
  const total = prepared.length + elsewhere
  if (ours.length === total) return ownWait(all)
  if (others.length === total) return strangersWait(all, diagnosis)
  const rest = total - ours.length - others.length
  const whose = [
    ...(ours.length > 0 ? [counted(ours.length, 'branch of ours', 'branches of ours')] : []),
    ...(others.length > 0 ? [counted(others.length, 'of others', 'of others')] : []),
    ...(rest > 0
      ? [counted(rest, 'of another database or log', 'of other databases or logs')]
      : []),
  ]
  const found = `prepared are ${whose.join(', ')}, and ${oldest} ${limit}: ${listOf(ids)}`
  return [{ id: 'unclear-branch-waits', found, look: diagnosis?.preparedQuery }]
}

function ownWait(own: Waiting | undefined): ReportedFinding[] {
  if (own === undefined) return []
  const { ids, text } = own
  const many = counted(ids.length, 'branch of ours is', 'branches of ours are')
  return [{ id: 'own-branch-waits', found: `${many} ${text}`, look: `assent show ${ids[0]}` }]
}

function strangersWait(
  others: Waiting | undefined,
  diagnosis: Diagnosis | undefined,
): ReportedFinding[] {
  if (others === undefined) return []
  const { ids, text } = others
  const many = counted(ids.length, 'transaction of others is', 'transactions of others are')
  const look = diagnosis?.preparedQuery
  return [{ id: 'stranger-branch-waits', found: `${many} ${text}`, look }]
}

/** By what it has prepared, and by the sessions that it has open now. */
function judgeNamesakes(
  branches: readonly PreparedBranch[],
  diagnosis: Diagnosis | undefined,
  { installation, logs }: Claims,
): ReportedFinding[] {
  const seen = new Map<string, string[]>()
  const note = (log: string, what: string): void => {
    seen.set(log, [...(seen.get(log) ?? []), what])
  }
  for (const owner of diagnosis?.present ?? []) {
    if (owner.installation !== installation || logs.has(owner.log as LogIdentity)) continue
    note(owner.log, 'a session is open')
  }
  for (const { id } of branches) note(parseBranchId(id)?.log ?? '', id)
  return [...seen].map(([log, signs]) => ({
    id: 'another-installation',
    found: `'${installation}' is at work here with ${log}, a log not ours: ${listOf(signs)}`,
    look: branches.length > 0 ? diagnosis?.preparedQuery : undefined,
  }))
}
