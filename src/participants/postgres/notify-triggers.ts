/**
 * Says which table made a branch impossible to prepare. Queues that announce their rows by a trigger
 * do so behind the user's back, and the server's refusal names neither table nor trigger.
 */
import { messageOf } from '../../core/errors.ts'
import type { Timers } from '../../core/ports.ts'
import { within } from '../sql/deadline.ts'
import type { Session } from './session.ts'
import { notifyingTriggers } from './sql.ts'
import { allTokens } from './tokens.ts'
import type { PostgresWork } from './work.ts'

export interface Explaining {
  readonly session: Session
  readonly work: PostgresWork
  readonly timers: Timers
  readonly answerTimeoutMs: number
}

const advice = 'notify after the commit instead, or use this database in a transaction of its own'

/** The refusal with the suspects named; the session is idle before and after. */
export async function explainNotify(
  { session, work, timers, answerTimeoutMs }: Explaining,
  refusal: unknown,
): Promise<Error> {
  const looked = findSuspects(session, work)
  const suspects = await within(timers, answerTimeoutMs, 'triggers', looked).catch(() => [])
  const blame = suspects.length === 0 ? '' : `: probably ${suspects.join(', ')}`
  return new Error(`${messageOf(refusal)}${blame}; ${advice}`, { cause: refusal })
}

/** Triggers that notify, on tables that the branch's statements name. */
async function findSuspects(session: Session, work: PostgresWork): Promise<string[]> {
  const names = new Set(work.texts.flatMap(namesIn))
  const results = await session.send(notifyingTriggers)
  const rows = results.flatMap((result) => result.rows)
  return rows
    .filter((row) => names.has(String(row.relation)))
    .map((row) => {
      const { trigger, relation, function: body } = row
      return `trigger ${String(trigger)} on table ${String(relation)} (function ${String(body)})`
    })
}

function namesIn(text: string): string[] {
  return allTokens(text).flatMap((token) =>
    token.kind === 'word' || token.kind === 'quoted' ? [token.text] : [],
  )
}
