/** The pairs of databases between which the money goes, and whether they are to be had here. */
import { locateMariadb, MariadbMissing } from '../../test/harness/mariadb-server/program.ts'

export const pairs = ['postgres+postgres', 'postgres+mariadb'] as const
export type Pair = (typeof pairs)[number]

/** Why there is no server for it on this machine, or undefined. */
export async function missingFor(pair: Pair): Promise<string | undefined> {
  if (pair === 'postgres+postgres') return undefined
  try {
    await locateMariadb()
    return undefined
  } catch (error) {
    if (error instanceof MariadbMissing) return error.message
    throw error
  }
}
