/** The URLs of databases that the user names, one by one or in a configuration. */
import { loadConfiguration } from '../../config/load.ts'
import { urlAt } from '../../config/secret.ts'
import { UsageError } from '../failures.ts'
import type { DatabaseKind } from './database.ts'

/** A database of the user's. */
export interface DatabaseUrl {
  readonly kind: DatabaseKind
  readonly url: string
}

const forms: Readonly<
  Record<DatabaseKind, { readonly schemes: readonly string[]; readonly example: string }>
> = {
  postgres: {
    schemes: ['postgres:', 'postgresql:'],
    example: 'postgres://user@host/database',
  },
  mysql: { schemes: ['mysql:', 'mariadb:'], example: 'mysql://user@host/database' },
}

/**
 * The user's databases, the left one first: two of PostgreSQL; one of MySQL or MariaDB, after one of
 * PostgreSQL or after a server of the demo's own; or none. Throws `UsageError` for anything else.
 */
export function readDatabaseUrls(
  postgres: readonly string[],
  mysql: readonly string[],
): readonly DatabaseUrl[] {
  if (mysql.length > 0 && postgres.length > 1) {
    throw new UsageError('with --mysql, --postgres is given once, or not at all')
  }
  if (mysql.length === 0 && postgres.length === 1) {
    throw new UsageError(
      '--postgres is given twice, for two databases, or once with --mysql, or not at all',
    )
  }
  if (postgres.length > 2) throw new UsageError('--postgres is given twice at most')
  const urls = [
    ...postgres.map((url) => readUrl('postgres', url)),
    ...mysql.map((url) => readUrl('mysql', url)),
  ]
  if (postgres.length === 2 && postgres[0] === postgres[1]) throw new UsageError(sameTwice)
  return urls
}

/**
 * The databases of a configuration's two resources, in their order. Throws `UsageError` where there
 * are not two, and `ASSENT_INVALID_OPTION` for a configuration that is wrong.
 */
export async function readConfiguredUrls(file: string): Promise<readonly DatabaseUrl[]> {
  const loaded = await loadConfiguration({ file })
  const resources = Object.entries(loaded.configuration.resources)
  if (resources.length !== 2) {
    throw new UsageError(
      `--config takes a configuration of two resources; ${loaded.file} has ${resources.length}`,
    )
  }
  return resources.map(([name, { kind, url: text }]) => {
    const url = urlAt(loaded, `resources.${name}.url`, { kind, text }, process.env)
    return { kind, url: url.reveal() }
  })
}

export const sameTwice = 'the same database is named twice, and the demo takes two'

function readUrl(kind: DatabaseKind, url: string): DatabaseUrl {
  const { schemes, example } = forms[kind]
  if (!URL.canParse(url) || !schemes.includes(new URL(url).protocol)) {
    throw new UsageError(`--${kind} takes a URL such as ${example}`)
  }
  // PostgreSQL has a default, which is the name of the account.
  if (kind === 'mysql' && new URL(url).pathname.length < 2) {
    throw new UsageError(`--mysql has to name a database: ${example}`)
  }
  return { kind, url }
}

/** Without its password. */
export function shownUrlOf(url: string): string {
  const shown = new URL(url)
  if (shown.password !== '') shown.password = '***'
  if (shown.searchParams.has('password')) shown.searchParams.set('password', '***')
  return shown.href
}
