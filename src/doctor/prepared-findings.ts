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
  const times = { serverNowMs, oldestDetachedMs: diagnosis?.oldestDetachedMs }
  const own = waiting(of('ours'), { ...times, limitMs: claims.ownAgeMs })
  const others = waiting(of('stranger'), { ...times, limitMs: claims.strangerAgeMs })
  return [
    ...judgeNamesakes(of('namesake'), diagnosis, claims),
    ...(own === undefined ? [] : [ownWait(own)]),
    ...(others === undefined ? [] : [strangersWait(others, diagnosis)]),
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

/** Those that wait for longer than the limit; undefined where none does. */
function waiting(
  branches: readonly PreparedBranch[],
  times: {
    readonly serverNowMs: number
    readonly limitMs: number
    readonly oldestDetachedMs: number | undefined
  },
): Waiting | undefined {
  const { serverNowMs, limitMs, oldestDetachedMs } = times
  const dated = branches.flatMap(({ id, preparedAtMs }) => {
    const ageMs = serverNowMs - (preparedAtMs ?? serverNowMs)
    return ageMs > limitMs ? [{ id, shown: `${id} (${spanOf(ageMs)})` }] : []
  })
  if (dated.length > 0) {
    const shown = listOf(dated.map((each) => each.shown))
    return {
      ids: dated.map(({ id }) => id),
      text: `prepared for longer than ${spanOf(limitMs)}: ${shown}`,
    }
  }
  const undated = branches.filter(({ preparedAtMs }) => preparedAtMs === undefined)
  const oldestMs = serverNowMs - (oldestDetachedMs ?? serverNowMs)
  if (undated.length === 0 || oldestMs <= limitMs) return undefined
  const ids = undated.map(({ id }) => id)
  const oldest = `the oldest transaction without a session is ${spanOf(oldestMs)} old`
  return { ids, text: `prepared, and ${oldest} (the limit is ${spanOf(limitMs)}): ${listOf(ids)}` }
}

function ownWait({ ids, text }: Waiting): ReportedFinding {
  const many = counted(ids.length, 'branch of ours is', 'branches of ours are')
  return { id: 'own-branch-waits', found: `${many} ${text}`, command: `assent show ${ids[0]}` }
}

function strangersWait({ ids, text }: Waiting, diagnosis: Diagnosis | undefined): ReportedFinding {
  const many = counted(ids.length, 'transaction of others is', 'transactions of others are')
  return {
    id: 'stranger-branch-waits',
    found: `${many} ${text}`,
    command: diagnosis?.preparedQuery,
  }
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
    command: branches.length > 0 ? diagnosis?.preparedQuery : undefined,
  }))
}
