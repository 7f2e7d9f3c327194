/**
 * Which of the user's statements a session keeps under a name of ours, so that the server parses and
 * plans them once: with changes of one row by its key that saves a fifth of the server's CPU.
 *
 * Kept are changes that answer no rows and are sent again and again, and only so many: a plan takes
 * memory in every session. What answers rows is not kept, because the server refuses a kept statement
 * whose columns a change of the schema has altered. One that fails for its text or its values is not
 * kept there any more.
 */
import type { PgConnection, PgQuery } from './driver.ts'
import { isForgotten, sqlStateOf } from './failures.ts'
import { namePrefix } from './own-query.ts'
import { forgetNames, isKept, keepsNames } from './pipeline.ts'
import { type Reading, readText } from './statements.ts'

/** So often a text is seen before it gets a name. */
const sightingsMin = 5
const namesMax = 200

const names = new Set<string>()

/**
 * The query to be sent for a text and its values: under a name where a session may keep it. A driver's
 * `query` that is given a name does the rest.
 */
export function keptOrPlain(
  client: PgConnection,
  text: string,
  values: readonly unknown[] | undefined,
): PgQuery | string {
  const name = keepsNames(client) ? nameOf(text, readText(text)) : undefined
  const isSent = name !== undefined && givenUp.get(client)?.has(name) !== true
  return isSent ? { name, text, values: values ?? [] } : text
}

/**
 * A kept statement that fails for what the session made of its text (a column has another type since)
 * is sent with its text from then on; where the session has lost it, nothing is kept there.
 */
export function noteFailure(client: PgConnection, query: PgQuery | string, cause: unknown): void {
  if (!isKept(query) || query.name === undefined) return
  const state = sqlStateOf(cause)
  // The driver closes a statement whose values it can't send, and takes it for parsed all the same.
  if (state === undefined) return forgetNames(client)
  if (isForgotten(cause)) return forgetNames(client)
  // Of the server's classes of errors: the values, the statement, or what it refers to.
  if (!/^(0A|22|42)/.test(state)) return
  const names = givenUp.get(client) ?? new Set()
  givenUp.set(client, names.add(query.name))
}

/** By connection, the names that it was given and is sent no more. */
const givenUp = new WeakMap<PgConnection, Set<string>>()

function nameOf(text: string, reading: Reading): string | undefined {
  if (reading.name !== undefined) return reading.name
  if (!reading.isPlainChange) return undefined
  reading.sightings += 1
  if (reading.sightings < sightingsMin) return undefined
  const name = namePrefix + fingerprintOf(text)
  if (names.size >= namesMax && !names.has(name)) return undefined
  names.add(name)
  reading.name = name
  return name
}

/**
 * 64 bits of the text, the same in every process: two that reach one session through a pooler mean
 * the same by a name. (FNV-1a, Fowler, Noll and Vo 1991; its twin has another start and multiplier.)
 */
function fingerprintOf(text: string): string {
  let [one, other] = [0x811c9dc5, 0x01000193]
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    one = Math.imul(one ^ unit, 0x01000193)
    other = Math.imul(other ^ unit, 0x85ebca6b)
  }
  return `${(one >>> 0).toString(36)}_${(other >>> 0).toString(36)}`
}
