import assert from 'node:assert/strict'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { type CommandResult, repository, run } from '../../scripts/command.ts'
import { deadCodeGate, type Gate, packageGates } from '../../scripts/gates.ts'
import { withTarball } from '../../scripts/package.ts'
import { withPlantedTree } from './planted-tree.ts'

type Files = Readonly<Record<string, string>>

/** A whole small package with the repository's own `exports` and knip configuration. */
const manifest: Record<string, unknown> = {
  ...JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')),
  scripts: { test: 'node --test' },
  dependencies: {},
  devDependencies: {},
  peerDependencies: {},
  peerDependenciesMeta: {},
}

/** What users import, beside the main entry. */
const subpaths = Object.keys(manifest.exports as object)
  .map((path) => path.slice('./'.length))
  .filter((name) => name !== '' && name !== 'package.json')

const reExport = (from: string): string => `export { a } from '${from}'\n`

const knip = JSON.parse(readFileSync(join(repository, 'knip.json'), 'utf8'))
/** Without what the small package has none of: programs that tests start, benchmarks, samples. */
const isThere = (pattern: string): boolean =>
  !/process|worker|holder|golden|globals|bench/.test(pattern)
const [entry, project] = [knip.entry.filter(isThere), knip.project.filter(isThere)]

const sources: Files = {
  'package.json': JSON.stringify(manifest),
  'knip.json': JSON.stringify({ ...knip, entry, project, ignoreDependencies: [] }),
  'tsconfig.json': JSON.stringify({ compilerOptions: { outDir: 'dist', rootDir: 'src' } }),
  'src/core/a.ts': 'export const a: number = 1\n',
  'src/index.ts': reExport('./core/a.ts'),
  ...Object.fromEntries(subpaths.map((name) => [`src/${name}.ts`, reExport('./core/a.ts')])),
  'src/cli/main.ts': "import { a } from '../core/a.ts'\n\nprocess.exitCode = a\n",
  'scripts/build.ts': 'export {}\n',
  'test/core/a.test.ts': "import { a } from '../../src/core/a.ts'\n\nif (a > 1) throw a\n",
  'test/types/a.test-d.ts':
    "import type { a } from '../../src/index.ts'\n\nexport type A = typeof a\n",
}

/** What `tsc -b` would have made of it. */
const built: Files = {
  ...sources,
  'dist/core/a.js': 'export const a = 1\n',
  'dist/core/a.d.ts': 'export declare const a: number\n',
  ...Object.fromEntries(
    ['index', ...subpaths].flatMap((entry) => [
      [`dist/${entry}.js`, reExport('./core/a.js')],
      [`dist/${entry}.d.ts`, reExport('./core/a.js')],
    ]),
  ),
  'dist/cli/main.js': '#!/usr/bin/env node\nprocess.exitCode = 0\n',
}

/** Runs every command of a gate, as `npm run check` does, and says whether one failed. */
async function runGate(gate: Gate, root: string): Promise<{ failed: boolean; output: string }> {
  const results: CommandResult[] = []
  for (const command of gate.commands) results.push(await run(command, root))
  return {
    failed: results.some(({ exitCode }) => exitCode !== 0),
    output: results.map(({ output }) => output).join('\n'),
  }
}

describe('the gate on dead code and dependencies', () => {
  const check = (files: Files): ReturnType<typeof runGate> =>
    withPlantedTree({ ...sources, ...files }, (root) => {
      symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'))
      return runGate(deadCodeGate, root)
    })

  test('passes a clean tree', async () => {
    const { failed, output } = await check({})
    assert.equal(failed, false, output)
  })

  test('refuses a file that nothing reaches, an export that nothing uses, and more', async () => {
    const { failed, output } = await check({
      'src/core/dead.ts': 'export const dead: number = 1\n',
      'src/core/a.ts': 'export const a: number = 1\nexport const orphaned: number = 1\n',
      'src/core/tested.ts': 'export const tested: number = 1\n',
      'test/core/b.test.ts': "import { tested } from '../../src/core/tested.ts'\n\nvoid tested\n",
      'src/cli/main.ts': "import 'pg'\nimport { a } from '../core/a.ts'\n\nprocess.exitCode = a\n",
    })
    assert.equal(failed, true)
    assert.match(output, /Unused files[\s\S]*src\/core\/dead\.ts/)
    assert.match(output, /Unused exports[\s\S]*orphaned/)
    assert.match(output, /Unlisted dependencies[\s\S]*pg +src\/cli\/main\.ts/)
    // Only tests reach this one, so it must not ship.
    assert.match(output, /Unused files[\s\S]*src\/core\/tested\.ts/)
  })
})

describe('the gates on the packed package', () => {
  const check = (files: Files): Promise<{ failed: boolean; output: string }[]> =>
    withPlantedTree({ ...built, ...files }, (root) =>
      withTarball((tarball) => {
        return Promise.all(packageGates(tarball).map((gate) => runGate(gate, root)))
      }, root),
    )

  test('pass a clean package', async () => {
    const results = await check({})
    for (const { failed, output } of results) assert.equal(failed, false, output)
  })

  test('publint refuses an entry whose file is not packed', async () => {
    const manifestWithStray = { ...manifest, exports: { '.': './dist/nowhere.js' } }
    const [publint] = await check({ 'package.json': JSON.stringify(manifestWithStray) })
    assert.equal(publint?.failed, true, publint?.output)
    assert.match(publint?.output ?? '', /nowhere\.js.*does not exist/)
  })

  test('attw refuses an entry whose types are not packed', async () => {
    const exportsWithStray = {
      '.': { types: './dist/nowhere.d.ts', default: './dist/cli/main.js' },
    }
    const manifestWithStray = { ...manifest, exports: exportsWithStray }
    const [, attw] = await check({ 'package.json': JSON.stringify(manifestWithStray) })
    assert.equal(attw?.failed, true, attw?.output)
    assert.match(attw?.output ?? '', /Resolution failed|Could not find/i)
  })
})
