/** Makes data directories. The install script takes two seconds, a copy of what it made a tenth. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { copyTree, templateOfToday } from '../../../src/cli/postgres-server/directories.ts'
import type { MariadbProgram } from './program.ts'

const run = promisify(execFile)
const passwordName = 'password'

/** The superuser and the database that every server has. */
export const superuser = 'assent'
export const firstDatabase = 'assent'

/** How small the files of a server may be; the server must be told the same as the script. */
export const sizes: Readonly<Record<string, string>> = {
  innodb_data_file_path: 'ibdata1:4M:autoextend',
  innodb_autoextend_increment: '1',
  innodb_temp_data_file_path: 'ibtmp1:4M:autoextend',
  innodb_log_file_size: '8M',
  innodb_buffer_pool_size: '16M',
  key_buffer_size: '1M',
  aria_pagecache_buffer_size: '1M',
}

/** Puts a new data directory at `data` and answers the password of its superuser. */
export async function makeDataDirectory(program: MariadbProgram, data: string): Promise<string> {
  const template = await templateOfToday('mariadb', program.version, (cache) =>
    makeTemplate(program, cache),
  )
  await copyTree(join(template, 'data'), data)
  return await readFile(join(template, passwordName), 'utf8')
}

/** Settings as arguments of the server. */
export function settingArguments(settings: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
}

async function makeTemplate(program: MariadbProgram, cache: string): Promise<string> {
  const directory = await mkdtemp(join(cache, 'install-'))
  const { account } = program
  const password = randomBytes(24).toString('base64url')
  const accountsFile = join(directory, 'accounts.sql')
  try {
    await writeFile(join(directory, passwordName), password, { mode: 0o600 })
    await writeFile(accountsFile, accounts(password), { mode: 0o600 })
    if (account !== undefined) {
      await chown(directory, account.uid, account.gid)
      await chown(accountsFile, account.uid, account.gid)
    }
    await run(
      program.install,
      [
        '--no-defaults',
        ...(program.home === undefined ? [] : [`--basedir=${program.home}`]),
        `--datadir=${join(directory, 'data')}`,
        `--tmpdir=${directory}`,
        `--extra-file=${accountsFile}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
        '--skip-name-resolve',
        ...settingArguments(sizes),
      ],
      { ...account, cwd: directory, env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } },
    )
    await rm(accountsFile)
    if (account === undefined) await chmod(directory, 0o700)
    return directory
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

/**
 * One superuser with a password, and nobody else: the server listens on loopback, where every
 * account of the machine can reach it.
 */
function accounts(password: string): string {
  return `
    delete from mysql.global_priv where User <> 'mariadb.sys';
    delete from mysql.proxies_priv;
    flush privileges;
    create user ${superuser}@'%' identified by '${password}';
    grant all on *.* to ${superuser}@'%' with grant option;
    create database ${firstDatabase};
  `
}
