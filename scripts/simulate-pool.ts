/** Runs many seeds in several processes, and gathers what they found. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import type { DecisionPlace } from '../src/simulation/decision-plan.ts'
import type { Profile } from '../src/simulation/profile.ts'
import type { Chunk, ChunkResult, Failure } from './simulate-messages.ts'

const worker = fileURLToPath(new URL('./simulate-worker.ts', import.meta.url))
const chunkSeeds = 25

export interface SeedRun {
  readonly firstSeed: number
  readonly seeds: number
  readonly profile: Profile | undefined
  readonly decisions: DecisionPlace | undefined
  readonly mutant: string | undefined
  readonly workers: number
  readonly twiceEvery: number
  readonly onProgress?: (summary: Summary) => void
}

export interface Summary {
  seeds: number
  events: number
  transactions: number
  readonly coverage: Map<string, number>
  /** By seed, lowest first; the run ends with the first chunk that has one. */
  failures: Failure[]
}

/** Runs all seeds, or until one fails. Rejects when a worker dies. */
export async function runSeeds(run: SeedRun): Promise<Summary> {
  const summary: Summary = {
    seeds: 0,
    events: 0,
    transactions: 0,
    coverage: new Map(),
    failures: [],
  }
  const chunks = chunksOf(run)
  const count = Math.min(run.workers, chunks.length)
  await Promise.all(Array.from({ length: count }, () => work(run, chunks, summary)))
  summary.failures.sort((one, other) => one.seed - other.seed)
  return summary
}

/** One process, fed with chunks until there are none, or one has failed. */
function work(run: SeedRun, chunks: Chunk[], summary: Summary): Promise<void> {
  return new Promise((settle, fail) => {
    const child: ChildProcess = fork(worker, run.mutant === undefined ? [] : [run.mutant], {
      env: environment(),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    let isOver = false
    const next = (): void => {
      const chunk = summary.failures.length > 0 ? undefined : chunks.shift()
      if (chunk !== undefined) return void child.send(chunk)
      isOver = true
      child.disconnect()
    }
    child.on('message', (result: ChunkResult) => {
      gather(summary, result)
      run.onProgress?.(summary)
      next()
    })
    child.on('error', fail)
    child.on('exit', (code, signal) => {
      if (isOver) settle()
      else fail(new Error(`a worker ended with ${code ?? signal}`))
    })
    next()
  })
}

function gather(summary: Summary, result: ChunkResult): void {
  const failed = result.failures.at(-1)
  const ran = failed === undefined ? result.chunk.count : failed.seed - result.chunk.firstSeed + 1
  summary.seeds += ran
  summary.events += result.events
  summary.transactions += result.transactions
  summary.failures.push(...result.failures)
  for (const [what, times] of result.coverage) {
    summary.coverage.set(what, (summary.coverage.get(what) ?? 0) + times)
  }
}

/** Small chunks first, so that what fails early is told early. */
function chunksOf({ firstSeed, seeds, profile, decisions, twiceEvery }: SeedRun): Chunk[] {
  const chunks: Chunk[] = []
  const end = firstSeed + seeds
  for (let seed = firstSeed; seed < end; ) {
    const count = Math.min(chunkSeeds, end - seed, 5 + 5 * chunks.length)
    chunks.push({ firstSeed: seed, count, profile, decisions, twiceEvery })
    seed += count
  }
  return chunks
}

/** Workers know nothing of a test runner around them. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, ...rest } = process.env
  return rest
}
