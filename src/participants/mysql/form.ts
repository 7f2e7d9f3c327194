/** The forms in which the driver takes a statement, as one. */
import { refused } from '../sql/plans.ts'
import type { MysqlCallback } from './driver.ts'

export interface Form {
  readonly text: string
  readonly values: unknown
  readonly callback: MysqlCallback | undefined
  /** What the driver is given: the user's own arguments, but for the callback. */
  readonly outgoing: { readonly query: unknown; readonly values: unknown }
}

/** Reads `(text | { sql, values, ... }, values?, callback?)`; throws for what has no text. */
export function readForm(query: unknown, values: unknown, callback: unknown): Form {
  const object = typeof query === 'object' && query !== null ? query : undefined
  const { sql, values: own, on } = (object ?? {}) as Record<string, unknown>
  const text = typeof query === 'string' ? query : sql
  // A command that was made beforehand sends itself, and may be another's.
  if (typeof text !== 'string' || typeof on === 'function') {
    throw refused('', 'a query without a text, or one that was made into a command: send its text')
  }
  const given = typeof values === 'function' ? undefined : values
  const tell = [callback, values].find((each) => typeof each === 'function')
  return {
    text,
    values: given ?? own,
    callback: tell as MysqlCallback | undefined,
    outgoing: { query, values: given },
  }
}
