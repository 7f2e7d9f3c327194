/** Loads the databases' drivers: they are the user's, and only the demo needs them. */
import type mysql from 'mysql2/promise'
import type pg from 'pg'

import { codeOf } from '../../core/errors.ts'
import { CommandFailure } from '../failures.ts'

/** Rejects with `CommandFailure` where it is not installed. */
export async function loadPg(): Promise<typeof pg> {
  try {
    return (await import('pg')).default
  } catch (cause) {
    throw notInstalled(cause, 'the demo needs node-postgres: npm install pg')
  }
}

/** The same for mysql2. */
export async function loadMysql(): Promise<typeof mysql> {
  try {
    return (await import('mysql2/promise')).default
  } catch (cause) {
    throw notInstalled(cause, '--mysql needs the driver mysql2: npm install mysql2')
  }
}

/** Any other error passes as it is. */
function notInstalled(cause: unknown, message: string): unknown {
  if (codeOf(cause) !== 'ERR_MODULE_NOT_FOUND') return cause
  return new CommandFailure(message, { cause })
}
