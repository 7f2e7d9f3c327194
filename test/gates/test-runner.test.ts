import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { type CommandResult, repository, run } from '../../scripts/command.ts'
import { withPlantedTree } from './planted-tree.ts'

const runner = join(repository, 'scripts/test.ts')
const passing = "import { test } from 'node:test'\n\ntest('adds', () => {})\n"

type Files = Readonly<Record<string, string>>

/** Runs `scripts/test.ts` on planted tests, as `npm test` does. */
function runTests(
  files: Files,
  given: readonly string[] = [],
  environment: Files = {},
): Promise<CommandResult> {
  return withPlantedTree({ 'package.json': '{"type":"module"}', ...files }, (root) => {
    const tool = process.execPath
    return run({ tool, arguments: [runner, ...given], environment }, root)
  })
}

function assertFailure({ exitCode, output }: CommandResult, says: RegExp): void {
  assert.equal(exitCode, 1, output)
  assert.match(output, says)
}

describe('the test runner fails', () => {
  test('when no file matches', async () => {
    assertFailure(await runTests({ 'test/a.ts': passing }), /no test file matches/)
  })

  test('when a file holds no test', async () => {
    const files = { 'test/a.test.ts': passing, 'test/b.test.ts': 'export {}\n' }
    assertFailure(await runTests(files), /test\/b\.test\.ts ended without a report of its tests/)
  })

  test('when a test ends its process with exit code 0', async () => {
    const text = `${passing}test('exits', () => process.exit(0))\ntest('fails', () => { throw 1 })\n`
    const files = { 'test/a.test.ts': passing, 'test/b.test.ts': text }
    assertFailure(await runTests(files), /test\/b\.test\.ts ended without a report of its tests/)
  })

  test('when a name pattern fits no test', async () => {
    const result = await runTests({ 'test/a.test.ts': passing }, ['--test-name-pattern=nowhere'])
    assertFailure(result, /no tests ran/)
  })

  test('when a test fails', async () => {
    const text = "import { test } from 'node:test'\n\ntest('x', () => { throw new Error('no') })\n"
    assertFailure(await runTests({ 'test/a.test.ts': text }), /the test runner exited with 1/)
  })

  test('when a leaked handle keeps a test process alive, and names the file', async () => {
    const files = {
      'test/a.test.ts': passing,
      'test/b.test.ts': `${passing}setInterval(() => {}, 9)\n`,
    }
    const result = await runTests(files, [], { TEST_SILENCE_LIMIT_MS: '2000' })
    assertFailure(result, /b\.test\.ts never ended/)
  })

  test('when a suite is skipped for want of a server that REQUIRE names', async () => {
    const text =
      "import { describe, it } from 'node:test'\n\n" +
      "describe('orders', { skip: 'PostgreSQL is missing: npm ci' }, () => { it('a', () => {}) })\n"
    const files = { 'test/a.test.ts': passing, 'test/b.test.ts': text }
    const required = await runTests(files, [], { REQUIRE: 'kafka,postgres' })
    assertFailure(required, /skipped although REQUIRE names postgres: .*b\.test\.ts: orders/)

    const { exitCode, output } = await runTests(files, [], { REQUIRE: 'kafka' })
    assert.equal(exitCode, 0, output)
    assert.match(output, /SKIPPED.*\n.*b\.test\.ts: orders \(PostgreSQL is missing: npm ci\)/)
  })
})

test('the test runner counts what ran, and takes files, folders and names as filters', async () => {
  const files = {
    'test/a/a.test.ts': passing,
    'test/b/b.test.ts': `${passing}test('subtracts', () => {})\n`,
  }
  const said = async (...given: string[]): Promise<string> => {
    const { exitCode, output } = await runTests(files, given)
    assert.equal(exitCode, 0, output)
    return output
  }
  assert.match(await said(), /3 tests in 2 files passed/)
  assert.match(await said('test/b'), /2 tests in 1 files passed/)
  assert.match(await said('test/a/a.test.ts'), /1 tests in 1 files passed/)
  assert.match(await said('--test-name-pattern=subtracts'), /1 tests in 2 files passed/)
})

test('the check of Node refuses an old one, says what to do, and passes this one', () => {
  const script = join(repository, 'scripts/check-node.mjs')
  const check = (version: string): ReturnType<typeof spawnSync> => {
    const pretend = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '${version}' })`
    const flags = ['--import', pretend, script]
    return spawnSync(process.execPath, flags, { encoding: 'utf8' })
  }
  for (const old of ['20.19.0', '22.17.9']) {
    const { status, stderr } = check(old)
    assert.equal(status, 1, `Node ${old}`)
    assert.match(String(stderr), /needs Node 22\.18 or newer.*\n.*\n.*`npm ci` again/)
  }
  for (const fit of ['22.18.0', '24.0.0', process.versions.node]) {
    assert.equal(check(fit).status, 0, `Node ${fit}`)
  }
})
