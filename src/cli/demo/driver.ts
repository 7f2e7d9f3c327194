/** Loads node-postgres: it is the user's, and only the demo needs it. */
import type pg from 'pg'
import { codeOf } from '../../core/errors.ts'
import { CommandFailure } from '../failures.ts'

export type Pg = typeof pg

/** Rejects with `CommandFailure` where it is not installed. */
export async function loadPg(): Promise<Pg> {
  try {
    return (await import('pg')).default
  } catch (cause) {
    if (codeOf(cause) !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new CommandFailure('the demo needs node-postgres: npm install pg', { cause })
  }
}
