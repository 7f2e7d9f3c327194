/**
 * `npm run smoke`: packs the package, installs it into an empty project without install scripts,
 * imports every entry, compiles a user's file against its types, runs its program, and runs the
 * README's quick start against two PostgreSQL servers. What the gates over the tarball can't see (a
 * file that is missing, an import that fails, a README that lies) shows here.
 */

import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { repository, runOrThrow } from './command.ts'
import { withTarball } from './package.ts'
import { runQuickStart } from './quick-start.ts'

const importer = `
import * as assent from 'assent'
import * as config from 'assent/config'
import * as mysql from 'assent/mysql'
import * as postgres from 'assent/postgres'
import * as prisma from 'assent/prisma'

if (typeof assent.openCoordinator !== 'function') throw new Error('assent has no openCoordinator')
if (typeof config.defineConfig !== 'function') throw new Error('assent/config has no defineConfig')
if (typeof mysql.mysql !== 'function') throw new Error('assent/mysql has no mysql')
if (typeof postgres.postgres !== 'function') throw new Error('assent/postgres has no postgres')
if (Object.keys(prisma).length === 0) throw new Error('assent/prisma is empty')
`

const typedUser = `
import { openCoordinator } from 'assent'
import { defineConfig } from 'assent/config'
import { mysql } from 'assent/mysql'
import { postgres } from 'assent/postgres'

export const configure: typeof defineConfig = defineConfig
export const wrapMysql: typeof mysql = mysql
export const open: (...options: Parameters<typeof openCoordinator>) => unknown = openCoordinator
export const wrap: typeof postgres = postgres
`

const compilerOptions = {
  module: 'NodeNext',
  target: 'ES2024',
  strict: true,
  noEmit: true,
  // The declarations of the package are part of what is checked.
  skipLibCheck: false,
  types: ['node'],
}

const project = await mkdtemp(join(tmpdir(), 'assent-smoke-'))
try {
  await withTarball((tarball) => smoke(tarball))
  process.stdout.write('ok       the packed tarball installs, imports, compiles and runs\n')
  await runQuickStart(project)
  process.stdout.write('ok       the quick start of the README moved money between two servers\n')
} finally {
  await rm(project, { recursive: true, force: true })
}

async function smoke(tarball: string): Promise<void> {
  await write('package.json', JSON.stringify({ name: 'user', private: true, type: 'module' }))
  await write('importer.js', importer)
  await write('user.ts', typedUser)
  await write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['user.ts'] }))

  const driver = `pg@${await version('pg')}`
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball, driver]
  await runOrThrow({ tool: 'npm', arguments: install }, project)
  await checkContents()
  await runOrThrow({ tool: process.execPath, arguments: ['importer.js'] }, project)
  const program = join(project, 'node_modules/.bin/assent')
  const help = await runOrThrow({ tool: program, arguments: ['--help'] }, project)
  if (!help.includes('assent')) throw new Error(`assent --help says:\n${help}`)

  // A user of TypeScript brings Node's types; everything else has to come with the package.
  await symlink(join(repository, 'node_modules/@types'), join(project, 'node_modules/@types'))
  await symlink(
    join(repository, 'node_modules/undici-types'),
    join(project, 'node_modules/undici-types'),
  )
  await runOrThrow({ tool: 'tsc', arguments: ['-p', '.'] }, project)
}

/** The package runs no install script, needs one other package, and ships no simulator. */
async function checkContents(): Promise<void> {
  const installed = join(project, 'node_modules/assent')
  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
  const scripts = ['preinstall', 'install', 'postinstall'].filter(
    (name) => manifest.scripts?.[name],
  )
  if (scripts.length > 0) throw new Error(`the package has install scripts: ${scripts.join(', ')}`)
  const dependencies = Object.keys(manifest.dependencies ?? {})
  if (dependencies.join() !== 'zod') {
    throw new Error(
      `the package depends on ${dependencies.join(', ') || 'nothing'}, not on zod alone`,
    )
  }
  const listing = await runOrThrow({ tool: 'find', arguments: ['.', '-type', 'f'] }, installed)
  const strays = listing
    .split('\n')
    .filter((file) => /tsbuildinfo|tsconfig|\/simulation\/|\.test\./.test(file))
  if (strays.length > 0) throw new Error(`the package ships ${strays.join(', ')}`)
}

/** The version that the repository tests with. */
async function version(name: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'))
  return manifest.devDependencies[name]
}

async function write(name: string, text: string): Promise<void> {
  await writeFile(join(project, name), text)
}
