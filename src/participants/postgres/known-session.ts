/**
 * A pooled session as it was last seen: what it has by itself, and the limits that a transaction on it
 * gets. A session's own limit stays where it is stricter.
 */
import type { ServerSession } from './delivery.ts'
import { fieldOf, type PgResult } from './driver.ts'
import type { OwnStatement } from './own-query.ts'
import { durableLevels, settleSession } from './sql.ts'

export interface Begun {
  readonly serverSession: ServerSession
  /** The session's own `synchronous_commit`, where it is weaker than `on`. */
  readonly weakDurability: string | undefined
}

/** What a session has by itself; limits in milliseconds, 0 for none. */
export interface SessionFacts {
  readonly pid: string
  readonly started: string | undefined
  readonly lockMs: number
  readonly statementMs: number
  readonly idleMs: number
  readonly durability: string
}

/** The engine's own time-out comes first; the server's only frees what a hung process holds. */
const idleGraceMs = 5_000
export const raiseDurability = 'set local synchronous_commit = on'

export class KnownSession {
  readonly facts: SessionFacts
  readonly begun: Begun
  /** What its answer begins with while it is the same. */
  readonly #same: string
  /** Its latest limits: most transactions have the same, and then one message does for them. */
  #limited:
    | { readonly leftMs: number; readonly takesXid: boolean; settle: OwnStatement }
    | undefined

  constructor(facts: SessionFacts) {
    const { pid, started, durability } = facts
    this.facts = facts
    this.begun = { serverSession: { pid, started }, weakDurability: weakDurability(facts) }
    this.#same = `${pid} ${durability} `
  }

  settle(timeLeftMs: number, takesXid: boolean): OwnStatement {
    const leftMs = limitFor(timeLeftMs)
    const known = this.#limited
    if (known?.leftMs === leftMs && known.takesXid === takesXid) return known.settle
    const settle = settleSession(limitValues(this.facts, leftMs), takesXid)
    this.#limited = { leftMs, takesXid, settle }
    return settle
  }

  isSame(answer: string): boolean {
    return answer.startsWith(this.#same)
  }
}

export function readFacts(results: readonly PgResult[]): SessionFacts {
  return {
    pid: fieldOf(results, 'pid') ?? '0',
    started: fieldOf(results, 'started'),
    lockMs: Number(fieldOf(results, 'lock') ?? 0),
    statementMs: Number(fieldOf(results, 'statement') ?? 0),
    idleMs: Number(fieldOf(results, 'idle') ?? 0),
    durability: fieldOf(results, 'durability') ?? 'off',
  }
}

function weakDurability({ durability }: SessionFacts): string | undefined {
  return durableLevels.includes(durability) ? undefined : durability
}

type Limit = readonly [name: string, ownMs: number, limitMs: number]

/** In whole steps, so that most transactions of a session have the same. */
const limitStepMs = 100

function limitFor(timeLeftMs: number): number {
  const stepMs = timeLeftMs > 10 * limitStepMs ? limitStepMs : 1
  return Math.max(1, Math.ceil(timeLeftMs / stepMs) * stepMs)
}

function limitsOf(facts: SessionFacts, leftMs: number): readonly Limit[] {
  return [
    ['lock_timeout', facts.lockMs, leftMs],
    ['statement_timeout', facts.statementMs, leftMs],
    ['idle_in_transaction_session_timeout', facts.idleMs, leftMs + idleGraceMs],
  ]
}

/** A session's own limit stays where it is stricter. */
function isStricter([, ownMs, limitMs]: Limit): boolean {
  return ownMs === 0 || ownMs > limitMs
}

/** The limits of one transaction, as statements. */
export function limitsFor(facts: SessionFacts, timeLeftMs: number): string[] {
  const texts = limitsOf(facts, limitFor(timeLeftMs))
    .filter(isStricter)
    .map(([name, , limitMs]) => `set local ${name} = ${limitMs}`)
  if (!durableLevels.includes(facts.durability)) texts.push(raiseDurability)
  return texts
}

/** The same, as the values that `settleSession` takes. */
function limitValues(facts: SessionFacts, leftMs: number): string[] {
  return limitsOf(facts, leftMs).map((limit) => {
    const [, ownMs, limitMs] = limit
    return String(isStricter(limit) ? limitMs : ownMs)
  })
}
