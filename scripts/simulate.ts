/**
 * `npm run simulate`: runs the production code on a simulated world, one world a seed.
 *
 * Exit code 0 when every rule held (with mutants: when each was caught), 1 when one did not, 2 for
 * input that can't be used.
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

import { mutants } from '../src/simulation/mutants/all.ts'
import { catchMutant } from './simulate-mutants.ts'
import type { SimulateOptions } from './simulate-options.ts'
import { parseOptions, UsageError, usage } from './simulate-options.ts'
import { runSeeds, type Summary } from './simulate-pool.ts'
import { describeCoverage, describeFailure, missingFrom } from './simulate-report.ts'

/** A run of so many seeds over all profiles is expected to meet everything. */
const fullCoverageSeeds = 1_000

process.exitCode = await main(process.argv.slice(2))

async function main(given: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(given, availableParallelism())
    if (options === undefined) {
      say(usage)
      return 0
    }
    if (options.isReplay) return await replay(options)
    if (options.isAllMutants) return await catchAll(options)
    return await runMany(options)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${error.message}\n\n${usage}\n`)
    return 2
  }
}

/** One seed in this process, with its whole trace. */
async function replay(options: SimulateOptions): Promise<number> {
  const { simulate } = await import('../src/simulation/simulate.ts')
  const { nodeHost } = await import('./simulate-host.ts')
  const { firstSeed, profile, decisions, traceFile } = options
  const result = await simulate(firstSeed, nodeHost, { profile, decisions })
  const trace = `${result.trace().join('\n')}\n`
  if (traceFile === undefined) process.stdout.write(trace)
  else writeFileSync(traceFile, trace)
  const [first] = result.violations
  say(`seed ${firstSeed} (${result.profile}): ${result.events} events, trace ${result.hash}`)
  say(first === undefined ? 'every rule held' : `breaks ${first.rule}: ${first.message}`)
  return first === undefined ? 0 : 1
}

async function runMany(options: SimulateOptions): Promise<number> {
  const { mutant, firstSeed, seeds, profile, decisions, workers, traceFile } = options
  const startedMs = Date.now()
  const summary = await runSeeds({
    firstSeed,
    seeds,
    profile,
    decisions,
    mutant: mutant?.name,
    workers,
    twiceEvery: seeds > 2_000 ? 10 : 4,
    onProgress: (soFar) => showProgress(soFar, seeds, startedMs),
  })
  endProgress()
  const [failure] = summary.failures
  if (failure === undefined) {
    const seconds = (Date.now() - startedMs) / 1_000
    say(describeCoverage(summary.coverage))
    say(`${summary.seeds} seeds, ${summary.transactions} transactions, ${summary.events} events`)
    say(`${seconds.toFixed(1)} s, ${(summary.seeds / seconds).toFixed(0)} seeds a second`)
    if (mutant !== undefined) {
      say(`SURVIVED: the mutant ${mutant.name} was not caught in ${seeds} seeds`)
      return 1
    }
    const isFull = profile === undefined && decisions === undefined && seeds >= fullCoverageSeeds
    const missing = isFull ? missingFrom(summary.coverage) : []
    if (missing.length > 0) say(`NEVER OCCURRED, so not tested: ${missing.join(', ')}`)
    else say('every rule held')
    return missing.length > 0 ? 1 : 0
  }
  const command = [
    'npm run simulate --',
    ...(mutant === undefined ? [] : [`--mutant ${mutant.name}`]),
    `--seed ${failure.seed}`,
    ...(profile === undefined ? [] : [`--profile ${profile}`]),
    ...(decisions === undefined ? [] : [`--decisions ${decisions}`]),
    ...(mutant === undefined ? [] : ['--seeds 1']),
  ]
  say(describeFailure(failure, command.join(' ')))
  if (traceFile !== undefined) writeFileSync(traceFile, `${failure.trace.join('\n')}\n`)
  if (mutant === undefined) return 1
  say(`caught: the mutant ${mutant.name} (${mutant.rule}) after ${summary.seeds} seeds`)
  return 0
}

async function catchAll({ workers }: SimulateOptions): Promise<number> {
  let survivors = 0
  await Promise.all(
    Array.from({ length: workers }, async (_, first) => {
      for (let index = first; index < mutants.length; index += workers) {
        const mutant = mutants[index]
        if (mutant === undefined) return
        const { failure, seeds } = await catchMutant(mutant)
        const violation = failure?.violations[0]
        if (violation === undefined) survivors += 1
        const how =
          violation === undefined
            ? `SURVIVED ${mutant.seeds} seeds`
            : `caught at seed ${seeds} of ${mutant.seeds}: ${violation.rule}`
        say(`${mutant.name.padEnd(38)} ${how}`)
      }
    }),
  )
  say(survivors === 0 ? `all ${mutants.length} mutants are caught` : `${survivors} survived`)
  return survivors === 0 ? 0 : 1
}

function showProgress({ seeds, transactions }: Summary, all: number, startedMs: number): void {
  if (!process.stderr.isTTY) return
  const rate = seeds / ((Date.now() - startedMs) / 1_000)
  const words = `${seeds} of ${all} seeds, ${transactions} transactions, ${rate.toFixed(0)} seeds/s`
  process.stderr.write(`\r\u001b[K${words}`)
}

function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
