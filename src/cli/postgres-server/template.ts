/** Makes data directories. `initdb` takes half a second, a copy of what it made a twentieth. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { copyTree, templateOfToday } from './directories.ts'
import type { PostgresProgram } from './program.ts'
import { renewSystemIdentifier } from './system-identifier.ts'

const run = promisify(execFile)
const passwordName = 'password'

/** Puts a new data directory at `data` and answers the password of its superuser `postgres`. */
export async function makeDataDirectory(program: PostgresProgram, data: string): Promise<string> {
  const template = await templateOfToday('postgres', program.version, (cache) =>
    makeTemplate(program, cache),
  )
  await copyTree(join(template, 'data'), data)
  await renewSystemIdentifier(data)
  return await readFile(join(template, passwordName), 'utf8')
}

async function makeTemplate(program: PostgresProgram, cache: string): Promise<string> {
  const directory = await mkdtemp(join(cache, 'initdb-'))
  const { account } = program
  const passwordFile = join(directory, passwordName)
  try {
    // The server listens on loopback, where every account of the machine can reach it.
    await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
    if (account !== undefined) {
      await chown(directory, account.uid, account.gid)
      await chown(passwordFile, account.uid, account.gid)
    }
    await run(
      program.initdb,
      [
        `--pgdata=${join(directory, 'data')}`,
        `--pwfile=${passwordFile}`,
        '--username=postgres',
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
        '--no-instructions',
      ],
      { ...account, cwd: directory, env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } },
    )
    if (account === undefined) await chmod(directory, 0o700)
    return directory
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}
