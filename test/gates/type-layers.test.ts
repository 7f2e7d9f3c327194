import assert from 'node:assert/strict'
import { globSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'

import { type CommandResult, repository, run } from '../../scripts/command.ts'
import { layers } from './layers.ts'
import { withPlantedTree } from './planted-tree.ts'

const configurations = [
  'package.json',
  'tsconfig.json',
  'tsconfig.base.json',
  'tsconfig.layer.json',
  'src/tsconfig.json',
  ...layers.filter(({ name }) => name !== 'entry').map(({ name }) => `src/${name}/tsconfig.json`),
]

/** The repository's own configuration, so that a slip in any tsconfig shows here. */
const configuration: Readonly<Record<string, string>> = Object.fromEntries(
  configurations.map((path) => [path, readFileSync(join(repository, path), 'utf8')]),
)
const pureLayers = layers.filter((layer) => layer.pure).map((layer) => layer.name)

interface Build extends CommandResult {
  readonly outputs: readonly string[]
}

/** Builds the tree with Node's types within reach, as in the repository. */
function build(files: Readonly<Record<string, string>>): Promise<Build> {
  return withPlantedTree({ ...configuration, ...files }, async (root) => {
    symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'))
    const result = await run({ tool: 'tsc', arguments: ['-b', '--pretty', 'false'] }, root)
    return { ...result, outputs: globSync('dist/**/*.{js,d.ts}', { cwd: root }) }
  })
}

describe('the compiler refuses, in every pure layer,', () => {
  let output: string
  before(async () => {
    const globals = [
      'process',
      'setTimeout',
      'Buffer',
      'console',
      'fetch',
      'AbortSignal',
      'document',
    ]
    const text = globals.map((name) => `void ${name}\n`).join('')
    const planted = pureLayers.map((layer) => [`src/${layer}/planted.ts`, `${text}export {}\n`])
    output = (await build(Object.fromEntries(planted))).output
  })
  for (const layer of pureLayers) {
    test(`what Node and browsers offer: src/${layer}`, () => {
      const lines = output.split('\n').filter((line) => line.startsWith(`src/${layer}/planted.ts`))
      assert.equal(lines.length, 7, lines.join('\n'))
      assert.match(lines.join('\n'), /Cannot find name 'process'/)
      assert.match(lines.join('\n'), /Cannot find name 'setTimeout'/)
    })
  }
})

describe('the compiler refuses', () => {
  let output: string
  before(async () => {
    const result = await build({
      'src/core/enum.ts': 'export enum Vote { yes }\n',
      'src/node/untyped.ts': 'export const made = [1].map((n) => n + 1)\n',
      'src/core/absent.ts': 'export const first = (all: readonly string[]): string => all[0]\n',
      'src/core/upward.ts': "import { a } from '../node/a.ts'\n\nexport const b: number = a\n",
      'src/node/a.ts': 'export const a: number = 1\n',
    })
    output = result.output
  })
  const expected: readonly (readonly [what: string, says: RegExp])[] = [
    ['an enum', /enum\.ts.*TS1294/],
    ['an export without a type', /untyped\.ts.*TS9010/],
    ['an index that may be absent', /absent\.ts.*TS2322/],
    ['an import of a layer that is no reference', /upward\.ts.*TS6307|upward\.ts.*TS6059/],
  ]
  for (const [what, says] of expected) test(what, () => assert.match(output, says))
})

test('the compiler builds a clean tree, layers without files included', async () => {
  const onNode = "import { pid } from 'node:process'\nimport { a } from '../core/a.ts'\n\n"
  const { exitCode, output, outputs } = await build({
    'src/core/a.ts': 'export const a: number = 1\n',
    'src/node/a.ts': `${onNode}export const b: number = a + pid\n`,
    'src/index.ts': "export { b } from './node/a.ts'\n",
  })
  assert.equal(exitCode, 0, output)
  const names = ['dist/core/a', 'dist/index', 'dist/node/a']
  assert.deepEqual(
    [...outputs].sort(),
    names.flatMap((name) => [`${name}.d.ts`, `${name}.js`]),
  )
})
