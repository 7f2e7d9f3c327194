import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'

import { type CommandResult, repository, run } from '../../scripts/command.ts'
import { lintGate } from '../../scripts/gates.ts'
import { layers } from './layers.ts'
import { withPlantedTree } from './planted-tree.ts'

const configuration = {
  'biome.json': readFileSync(join(repository, 'biome.json'), 'utf8'),
  '.gitignore': 'node_modules/\n',
}
const pureLayers = layers.filter((layer) => layer.pure).map((layer) => layer.name)

const clean = `/** Adds one. */
export function next(count: number): number {
  return count + 1
}
`

/** One file a rule, or a rule that an override has to carry to every pure layer. */
const planted: Readonly<Record<string, string>> = {
  'src/core/format.ts': 'export const a = "double";\n',
  'src/core/ending.ts': "export { next } from './clean'\n",
  'src/core/any.ts': 'export const a: any = 1\n',
  'src/core/asserted.ts': 'export const a = (b?: number): number => b!\n',
  'src/core/floating.ts':
    'async function work(): Promise<void> {}\n\nexport function go(): void {\n  work()\n}\n',
  'src/core/BadName.ts': clean,
  'src/core/default.ts': 'export default 1\n',
  'src/core/unused.ts': "import { next } from './clean.ts'\n",
  'src/core/long.ts': `export function long(a: number): number {\n${'  a.toFixed()\n'.repeat(81)}  return a\n}\n`,
  'src/cli/console.ts': "console.log('here')\n",
  'test/core/only.test.ts': "import { test } from 'node:test'\n\ntest.only('a', () => 1)\n",
  'test/core/ignored.ts': `// biome-ignore lint/style/noSuchRule: mistyped\n${clean}`,
  ...Object.fromEntries(
    pureLayers.flatMap((layer) => [
      [`src/${layer}/clock.ts`, 'const D = Date\n\nexport const now = D.now()\n'],
      [`src/${layer}/deep/file.ts`, "export { readFileSync } from 'node:fs'\n"],
    ]),
  ),
}

function lint(files: Readonly<Record<string, string>>): Promise<CommandResult> {
  const [command] = lintGate.commands
  assert.ok(command !== undefined)
  return withPlantedTree({ ...configuration, ...files }, (root) => run(command, root))
}

describe('the lint gate refuses', () => {
  let result: CommandResult
  before(async () => {
    result = await lint({ 'src/core/clean.ts': clean, ...planted })
  })

  const expected: readonly (readonly [what: string, file: string, rule: string])[] = [
    ['other quotes and semicolons', 'src/core/format.ts', 'format'],
    ['an import without its ending', 'src/core/ending.ts', 'useImportExtensions'],
    ['any', 'src/core/any.ts', 'noExplicitAny'],
    ['an asserted value', 'src/core/asserted.ts', 'noNonNullAssertion'],
    ['a promise that nobody awaits', 'src/core/floating.ts', 'noFloatingPromises'],
    ['a file name in camel case', 'src/core/BadName.ts', 'useFilenamingConvention'],
    ['a default export', 'src/core/default.ts', 'noDefaultExport'],
    ['an unused import', 'src/core/unused.ts', 'noUnusedImports'],
    ['a function that fits no screen', 'src/core/long.ts', 'noExcessiveLinesPerFunction'],
    ['console', 'src/cli/console.ts', 'noConsole'],
    ['a focused test', 'test/core/only.test.ts', 'noFocusedTests'],
    ['a suppression of nothing', 'test/core/ignored.ts', 'suppressions'],
    ...pureLayers.flatMap((layer): [string, string, string][] => [
      [`the clock in src/${layer}`, `src/${layer}/clock.ts`, 'noRestrictedGlobals'],
      [`Node in src/${layer}`, `src/${layer}/deep/file.ts`, 'noRestrictedImports'],
    ]),
  ]
  for (const [what, file, rule] of expected) {
    test(what, () => {
      const lines = result.output.split('\n').filter((line) => line.startsWith(file))
      assert.match(lines.join('\n'), new RegExp(rule), `said of ${file}`)
    })
  }

  test('and names the port to use, and fails', () => {
    assert.match(result.output, /Pure layers use the Clock port of src\/core\/ports\.ts/)
    assert.match(result.output, /use a port of src\/core\/ports\.ts/)
    assert.notEqual(result.exitCode, 0)
  })
})

test('the lint gate passes a clean tree, with Node in its own layer', async () => {
  const onNode = `import { readFileSync } from 'node:fs'

/** Milliseconds of the wall clock, or the size of a file in bytes. */
export function measure(path: string): number {
  return path === '' ? Date.now() : readFileSync(path).length
}
`
  const { exitCode, output } = await lint({ 'src/core/a.ts': clean, 'src/node/b.ts': onNode })
  assert.equal(exitCode, 0, output)
})
