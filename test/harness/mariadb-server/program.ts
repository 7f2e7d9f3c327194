/**
 * Finds the programs of a MariaDB server: where packages such as Debian's `mariadb-server-core` put
 * them, or in the installation that the environment variable ASSENT_TEST_MARIADB_HOME names.
 */
import { execFile } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

import { exists, isOpenToAll } from '../../../src/cli/postgres-server/directories.ts'
import {
  type Account,
  findSetpriv,
  serverAccount,
} from '../../../src/cli/postgres-server/server-process.ts'

const run = promisify(execFile)

export interface MariadbProgram {
  /** The script that makes a data directory. */
  readonly install: string
  /** Where the rest of a named installation lies. */
  readonly home: string | undefined
  readonly mariadbd: string
  /** As the server tells it, such as `10.11.19`. */
  readonly version: string
  /** Set when this process is root: the account to run as instead. */
  readonly account: Account | undefined
  /** The program that makes the kernel kill the server with us; Linux only, where it is installed. */
  readonly setpriv: string | undefined
}

/** There is no MariaDB to start here; the message says what to install. */
export class MariadbMissing extends Error {
  override readonly name = 'MariadbMissing'
}

/** Where packages put a server that is on nobody's PATH. */
const usualFolders = [
  '/usr/sbin',
  '/usr/bin',
  '/usr/libexec',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/local/mysql/bin',
  '/usr/local/mysql/scripts',
  '/opt/homebrew/opt/mariadb/bin',
]

/** Where the programs lie in an installation that was unpacked from an archive. */
const foldersOfHome = ['bin', 'sbin', 'libexec', 'scripts']

let located: Promise<MariadbProgram> | undefined

/** The programs, looked up once. Rejects with `MariadbMissing`. */
export function locateMariadb(): Promise<MariadbProgram> {
  located ??= locate()
  return located
}

async function locate(): Promise<MariadbProgram> {
  const install = await find(['mariadb-install-db', 'mysql_install_db'])
  const server = await findServer()
  const missing = [
    ...(server === undefined ? ['mariadbd'] : []),
    ...(install === undefined ? ['mariadb-install-db'] : []),
  ]
  if (server === undefined || install === undefined) {
    throw new MariadbMissing(
      `there is no MariaDB server here (no ${missing.join(', no ')}): install one with ` +
        '`apt-get install mariadb-server-core mariadb-client-core`, or name running servers in ' +
        'ASSENT_TEST_MARIADB_URLS',
    )
  }
  const account = await serverAccount()
  if (account !== undefined && !(await isOpenToAll(server.path))) {
    throw new MariadbMissing(
      `the MariaDB server ${server.path} can't be run as nobody: chmod o+x above`,
    )
  }
  return {
    install,
    home: namedHome(),
    mariadbd: server.path,
    version: server.version,
    account,
    setpriv: await findSetpriv(),
  }
}

/** `mysqld` may be MySQL's, which makes its data directories in another way. */
async function findServer(): Promise<{ path: string; version: string } | undefined> {
  for (const path of await findAll(['mariadbd', 'mysqld'])) {
    const told = await run(path, ['--no-defaults', '--version']).catch(() => undefined)
    const version = /Ver ([\d.]+)-MariaDB/.exec(told?.stdout ?? '')?.[1]
    if (version !== undefined) return { path, version }
  }
  return undefined
}

async function find(names: readonly string[]): Promise<string | undefined> {
  return (await findAll(names))[0]
}

async function findAll(names: readonly string[]): Promise<string[]> {
  const paths = names.flatMap((name) => folders().map((folder) => join(folder, name)))
  const found = await Promise.all(paths.map(exists))
  return paths.filter((_, index) => found[index] === true)
}

function folders(): string[] {
  const home = namedHome()
  if (home !== undefined) return foldersOfHome.map((folder) => join(home, folder))
  const onPath = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return [...new Set([...onPath, ...usualFolders])]
}

function namedHome(): string | undefined {
  const home = process.env.ASSENT_TEST_MARIADB_HOME ?? ''
  return home === '' ? undefined : home
}
