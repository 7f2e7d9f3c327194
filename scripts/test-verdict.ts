/**
 * What a test run proved. Node's runner exits with 0 when a glob matches nothing, when a file calls
 * `process.exit(0)` before its tests are done, and when a name pattern fits no test; each of those
 * is a failure here.
 */

import { basename, relative } from 'node:path'

import type { TallyEntry } from './test-tally.ts'

export interface RunFacts {
  /** Where paths are shown relative to. */
  readonly root: string
  /** The files the glob matched; absolute. */
  readonly files: readonly string[]
  readonly entries: readonly TallyEntry[]
  readonly exitCode: number | null
  /** Set when only some tests of a file are meant to run, so that a file may run none. */
  readonly filteredByName: boolean
  /** Servers whose absence is a failure (the environment variable `REQUIRE`). */
  readonly required: readonly string[]
}

export interface Verdict {
  readonly testCount: number
  readonly skips: readonly string[]
  readonly failures: readonly string[]
}

export function judge(facts: RunFacts): Verdict {
  const testsByFile = new Map<string, number>()
  const skips: string[] = []
  const failures: string[] = []
  for (const entry of facts.entries) {
    if (entry.kind === 'summary') testsByFile.set(entry.file, entry.tests)
    if (entry.kind !== 'skipped') continue
    const line = `${relative(facts.root, entry.file)}: ${entry.name} (${entry.reason})`
    skips.push(line)
    const missing = facts.required.find((name) => namesServer(entry.reason, name))
    if (missing !== undefined) failures.push(`skipped although REQUIRE names ${missing}: ${line}`)
  }
  const testCount = [...testsByFile.values()].reduce((sum, count) => sum + count, 0)
  const skippedFiles = new Set(facts.entries.flatMap((e) => (e.kind === 'skipped' ? [e.file] : [])))

  if (facts.files.length === 0) failures.push('no test file matches')
  else if (testCount === 0 && skips.length === 0) failures.push('no tests ran')
  for (const file of facts.files) {
    const shown = relative(facts.root, file)
    const tests = testsByFile.get(file)
    if (tests === undefined) failures.push(unreported(shown, facts.entries, file))
    else if (tests === 0 && !facts.filteredByName && !skippedFiles.has(file)) {
      failures.push(`${shown} ran no test`)
    }
  }
  if (facts.exitCode !== 0) failures.push(`the test runner exited with ${facts.exitCode}`)
  return { testCount, skips, failures }
}

function namesServer(reason: string, server: string): boolean {
  return reason.toLowerCase().includes(server.toLowerCase())
}

function unreported(shown: string, entries: readonly TallyEntry[], file: string): string {
  const ended = entries.some((entry) => entry.kind === 'ended' && entry.file === file)
  if (ended) {
    return `${shown} ended without a report of its tests: it has none, or its process exited early`
  }
  const started = entries.some((entry) => entry.kind === 'started' && entry.file === file)
  return started ? `${basename(shown)} never ended (${shown})` : `${shown} was never started`
}
