/**
 * The local commit of a deciding branch, with the row of the decision in it: one message.
 *
 * Keeps A1 and A2: the row and the branch's work are there together, or neither is. Outside a
 * transaction block the insert would be a transaction of its own, and commit without the work; so the
 * message begins with a savepoint, which the server takes inside a block alone, unless the driver
 * knows that the server waits in one. Under one Sync nothing is run behind a statement that failed.
 *
 * Keeps A6: `committed` is the tags of both statements, `aborted` an error of the server that then
 * takes a ROLLBACK; all else is unknown, and the table is asked.
 */
import type { DecisionRow } from '../../../core/decision-table.ts'
import type { OnePhaseResult } from '../../contract.ts'
import { within } from '../../sql/deadline.ts'
import type { PgResult } from '../driver.ts'
import { isForgotten, sqlState, sqlStateOf } from '../failures.ts'
import type { Opening } from '../opening.ts'
import { type OwnStatement, withoutName } from '../own-query.ts'
import { forgetNames } from '../pipeline.ts'
import type { Session } from '../session.ts'
import { lockOnTheDoor } from '../sql.ts'
import { isRolledBack, type Voting } from '../vote.ts'
import { commit, type DecisionStatements } from './statements.ts'

export interface Carrying extends Voting {
  readonly opening: Opening
  readonly statements: DecisionStatements
}

/** `aborted` leaves the session idle; after `unknown` it has to be destroyed. */
export async function commitWithDecision(
  carrying: Carrying,
  row: DecisionRow,
): Promise<OnePhaseResult> {
  const { work, session, timers, limitMs, statements } = carrying
  const hindrance = work.obstacle ?? session.lost
  if (hindrance !== undefined) {
    await isRolledBack(carrying)
    return { result: 'aborted', cause: hindrance.cause }
  }
  const unbegun = await beginUnlessItRides(carrying)
  if (unbegun !== undefined) return { result: 'aborted', cause: unbegun.cause }
  let results: readonly PgResult[]
  try {
    const sent = send(carrying, statements.carry(row))
    results = await within(timers, limitMs, 'COMMIT with the decision', sent)
  } catch (cause) {
    // An error of the server, and a server that then takes a ROLLBACK: so it was not its farewell.
    const isAnswered = sqlStateOf(cause) !== undefined && (await isRolledBack(carrying))
    return carryFailed(carrying, cause, isAnswered)
  }
  return carried(results)
}

/** `isAnswered`: the server said so, and holds nothing of the branch. */
export function carryFailed(
  { session }: Voting,
  cause: unknown,
  isAnswered: boolean,
): OnePhaseResult {
  // The session does not keep what was sent under a name: next time it is sent without one.
  if (isForgotten(cause)) forgetNames(session.client)
  return { result: isAnswered ? 'aborted' : 'unknown', cause: readable(cause) }
}

/** What the last two answers of the message say: the insert's, and COMMIT's. */
export function carried(results: readonly PgResult[]): OnePhaseResult {
  const [inserted, committed] = results.slice(-2)
  const isInserted = inserted?.command === 'INSERT' && inserted.rowCount === 1
  if (isInserted && committed?.command === 'COMMIT') return { result: 'committed' }
  const tags = results.map(({ command, rowCount }) => `${command} ${rowCount ?? ''}`.trim())
  const cause = new Error(`COMMIT with the decision was answered ${tags.join(', ')}`)
  return { result: 'unknown', cause }
}

/** A branch that did nothing can begin in the same message; else its BEGIN has to be answered. */
async function beginUnlessItRides({ opening }: Carrying): Promise<{ cause: unknown } | undefined> {
  if (opening.isBegun || (opening.isIdle && opening.canRide)) return undefined
  try {
    await opening.begin()
    return undefined
  } catch (cause) {
    return { cause }
  }
}

/** Rejects with the first failure, behind which nothing was run. */
async function send(
  { session, opening, work }: Carrying,
  insert: OwnStatement,
): Promise<readonly PgResult[]> {
  if (!opening.isBegun) {
    const { results, failure } = await opening.sendAll([insert, commit], false)
    if (failure !== undefined) throw failure.cause
    return results
  }
  // What changed the session may have made it forget what it kept.
  const isChanged = work.sessionChange !== undefined
  const both = isChanged ? [withoutName(insert), withoutName(commit)] : [insert, commit]
  const ending = session.isSurelyOpen ? both : [lockOnTheDoor, ...both]
  return await (session.together(ending) ?? sendOneByOne(session, insert))
}

/** For drivers that can't put several statements into one message: here the row is seen first. */
async function sendOneByOne(session: Session, insert: OwnStatement): Promise<readonly PgResult[]> {
  await session.command(lockOnTheDoor.own)
  const inserted = await session.ask(insert.own, insert.values ?? [])
  if (inserted.at(-1)?.rowCount !== 1) throw new Error('the row of the decision was not inserted')
  return [...inserted, ...(await session.command(commit.own))]
}

/** Names what the server's own words leave to be guessed. */
function readable(cause: unknown): unknown {
  switch (sqlStateOf(cause)) {
    case sqlState.uniqueViolation:
      return isOurs(cause) ? taken('somebody has decided it already', cause) : cause
    case sqlState.notNullViolation:
      return isOurs(cause) ? taken('its log was taken over by another process', cause) : cause
    default:
      return cause
  }
}

function isOurs(cause: unknown): boolean {
  return (cause as { readonly table?: unknown }).table === 'assent_decision'
}

function taken(why: string, cause: unknown): Error {
  return new Error(`the transaction can't commit any more: ${why}`, { cause })
}
