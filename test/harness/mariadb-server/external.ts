/**
 * Servers that somebody else runs, named by URLs in the environment: for machines without MariaDB,
 * and for MySQL. The tests work in databases of their own there, which they drop afterwards; they
 * can't kill such a server.
 */
import mysql from 'mysql2/promise'

export type ServerFlavour = 'mariadb' | 'mysql'

/** Which environment variable names the servers of a kind: URLs with commas between them. */
export const variables: Readonly<Record<ServerFlavour, string>> = {
  mariadb: 'ASSENT_TEST_MARIADB_URLS',
  mysql: 'ASSENT_TEST_MYSQL_URLS',
}

/** The URLs that the environment names. Throws when one of them can't be meant. */
export function externalUrls(
  flavour: ServerFlavour,
  environment: NodeJS.ProcessEnv = process.env,
): string[] {
  const variable = variables[flavour]
  const given = (environment[variable] ?? '').split(',').map((each) => each.trim())
  const urls = given.filter((each) => each !== '')
  for (const url of urls) {
    if (!URL.canParse(url) || !/^(mysql|mariadb):$/.test(new URL(url).protocol)) {
      throw new Error(`${variable} must be like mysql://user:password@host:port/, not '${url}'`)
    }
  }
  return urls.map((url) => url.replace(/^mariadb:/, 'mysql:'))
}

/** The same server, another database. */
export function databaseUrl(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}

/** The same server and database, another account. */
export function accountUrl(url: string, name: string, password: string): string {
  const changed = new URL(url)
  changed.username = name
  changed.password = password
  return changed.href
}

/** Runs statements as the URL's account on a connection of their own. */
export async function administer(url: string, ...statements: readonly string[]): Promise<void> {
  const connection = await mysql.createConnection(url)
  connection.on('error', () => undefined)
  try {
    for (const statement of statements) await connection.query(statement)
  } finally {
    connection.destroy()
  }
}

/** One such server, with a database for this process on it. */
export class ExternalServer {
  readonly kind: ServerFlavour
  readonly url: string
  readonly #database: string

  private constructor(kind: ServerFlavour, url: string, database: string) {
    this.kind = kind
    this.url = url
    this.#database = database
  }

  static async open(kind: ServerFlavour, url: string, database: string): Promise<ExternalServer> {
    await administer(url, `drop database if exists ${database}`, `create database ${database}`)
    return new ExternalServer(kind, databaseUrl(url, database), database)
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** Drops the database of this process. */
  async remove(): Promise<void> {
    await administer(this.url, `drop database if exists ${this.#database}`)
  }

  kill(): never {
    throw new Error(unkillable(this.kind))
  }
}

/** Why tests that kill, freeze or set up servers are skipped with servers of somebody else. */
export function unkillable(flavour: ServerFlavour): string {
  return `the ${flavour} servers of ${variables[flavour]} are not ours to kill or to set up`
}
