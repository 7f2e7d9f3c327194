/**
 * Runs the tests: `npm test [-- [FILE|FOLDER|GLOB]... [--test-name-pattern=...]]`.
 *
 * Node's own runner does the work; this adds what it lets pass (see `test-verdict.ts`), a limit on
 * silence, because a leaked handle keeps a test process alive for ever, and a loud list of what was
 * skipped. The environment variable REQUIRE (`REQUIRE=postgres,...`) makes a skip for want of that
 * server a failure.
 */

import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { TallyEntry } from './test-tally.ts'
import { judge } from './test-verdict.ts'

const defaultPattern = 'test/**/*.test.ts'
const testTimeoutMs = 120_000
const silenceLimitMs = Number(process.env.TEST_SILENCE_LIMIT_MS ?? 180_000)
const pollMs = 500

const root = process.cwd()
const given = process.argv.slice(2)
const options = given.filter((argument) => argument.startsWith('-'))
const filters = given.filter((argument) => !argument.startsWith('-'))
const patterns = (filters.length > 0 ? filters : [defaultPattern]).map(asPattern)
const files = [...new Set(globSync(patterns, { cwd: root }))].map((file) => resolve(root, file))

const scratch = mkdtempSync(join(tmpdir(), 'assent-tests-'))
const tallyFile = join(scratch, 'tally')
const exitCode = files.length === 0 ? 0 : await runTests()
const verdict = judge({
  root,
  files,
  entries: readTally(),
  exitCode,
  filteredByName: options.some((option) => option.startsWith('--test-name-pattern')),
  required: (process.env.REQUIRE ?? '').split(',').filter((name) => name !== ''),
})
rmSync(scratch, { recursive: true, force: true })

if (verdict.skips.length > 0) {
  say(`\nSKIPPED, so not proved by this run (${verdict.skips.length}):`)
  for (const skip of verdict.skips) say(`  - ${skip}`)
}
if (verdict.failures.length > 0) {
  say('\nFAILED:')
  for (const failure of verdict.failures) say(`  - ${failure}`)
  process.exitCode = 1
} else {
  say(`\n${verdict.testCount} tests in ${files.length} files passed or were skipped.`)
}

/** A folder stands for every test in it. */
function asPattern(argument: string): string {
  const isFolder = statSync(resolve(root, argument), { throwIfNoEntry: false })?.isDirectory()
  return isFolder === true ? join(argument, '**/*.test.ts') : argument
}

function runTests(): Promise<number | null> {
  const tally = join(dirname(fileURLToPath(import.meta.url)), 'test-tally.ts')
  const child = spawn(
    process.execPath,
    [
      '--test',
      '--test-concurrency=2',
      `--test-timeout=${testTimeoutMs}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${tally}`,
      `--test-reporter-destination=${tallyFile}`,
      ...options,
      ...patterns,
    ],
    // A group of its own: its test processes end with it, whatever state they are in.
    { cwd: root, stdio: 'inherit', detached: true, env: childEnvironment() },
  )
  const killGroup = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined || child.exitCode !== null) return
    process.kill(-child.pid, signal)
  }
  const watch = setInterval(() => {
    if (Date.now() - lastSignOfLife() < silenceLimitMs) return
    clearInterval(watch)
    say(`\nNo test ended for ${silenceLimitMs / 1000} s: the run is stopped.`)
    killGroup('SIGKILL')
  }, pollMs)
  const startedAt = Date.now()
  const lastSignOfLife = (): number =>
    statSync(tallyFile, { throwIfNoEntry: false })?.mtimeMs ?? startedAt
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => killGroup(signal))
  return new Promise((settle, fail) => {
    child.on('error', fail)
    child.on('exit', (code) => {
      clearInterval(watch)
      settle(code)
    })
  })
}

/** Test runs may nest (the gates test this very script); the runner refuses that by this variable. */
function childEnvironment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env
  return environment
}

function readTally(): TallyEntry[] {
  const text = statSync(tallyFile, { throwIfNoEntry: false }) ? readFileSync(tallyFile, 'utf8') : ''
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): TallyEntry => JSON.parse(line))
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
