/** Which server stands behind the pool, as far as what we send it depends on that. */
import type { MysqlRow } from './driver.ts'

export type Flavour = 'mariadb' | 'mysql'

export interface Version {
  readonly flavour: Flavour
  readonly major: number
  readonly minor: number
  /** As the server writes it. */
  readonly text: string
}

/** The examined database. */
export interface Database {
  readonly flavour: Flavour
  /** The pool's default database; empty where it has none. */
  readonly name: string
}

/** The oldest versions whose prepared branches outlive their sessions, and that are still looked after. */
export const oldestVersions = {
  mariadb: { major: 10, minor: 5, text: 'MariaDB 10.5' },
  mysql: { major: 8, minor: 0, text: 'MySQL 8.0' },
} as const

export const flavourNames: Readonly<Record<Flavour, string>> = {
  mariadb: 'MariaDB',
  mysql: 'MySQL',
}

/** Reads `version` and `version_comment`, as `SHOW VARIABLES` tells them. */
export function readVersion(text: string, comment: string): Version {
  const match = /^(\d+)\.(\d+)/.exec(text)
  const flavour = /mariadb/i.test(`${text} ${comment}`) ? 'mariadb' : 'mysql'
  return { flavour, major: Number(match?.[1] ?? 0), minor: Number(match?.[2] ?? 0), text }
}

export function isTooOld({ flavour, major, minor }: Version): boolean {
  const oldest = oldestVersions[flavour]
  return major < oldest.major || (major === oldest.major && minor < oldest.minor)
}

/** Rows of `SHOW VARIABLES` or `SHOW STATUS` by their name, in lower case. */
export function readVariables(rows: readonly MysqlRow[]): ReadonlyMap<string, string> {
  return new Map(
    rows.map((row) => [String(row.Variable_name).toLowerCase(), String(row.Value)] as const),
  )
}
