/**
 * A worker of `npm run simulate`: runs the seeds that it is sent. Started with the name of a mutant,
 * it plants that bug first, so the production code is loaded only afterwards.
 */
import { enableCompileCache } from 'node:module'

import { mutants } from '../src/simulation/mutants/all.ts'
import type { Profile } from '../src/simulation/profile.ts'
import type { RunResult } from '../src/simulation/simulate.ts'
import type { Chunk, ChunkResult, Failure } from './simulate-messages.ts'
import { plant } from './simulate-mutation.ts'

// Many workers are started one after the other: what one has compiled the next needs not.
enableCompileCache()
// Stacks cost much and tell nothing here: who replays a seed gets them.
Error.stackTraceLimit = 0

const [name] = process.argv.slice(2)
if (name !== undefined) {
  const mutant = mutants.find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`)
  plant(mutant)
}
const { simulate } = await import('../src/simulation/simulate.ts')
const { nodeHost } = await import('./simulate-host.ts')

process.on('message', (chunk: Chunk) => {
  void run(chunk).then((result) => process.send?.(result))
})
process.on('disconnect', () => process.exit())

async function run(chunk: Chunk): Promise<ChunkResult> {
  const failures: Failure[] = []
  const coverage = new Map<string, number>()
  let events = 0
  let transactions = 0
  const last = chunk.firstSeed + chunk.count - 1
  const { profile: only, decisions } = chunk
  for (let seed = chunk.firstSeed; seed <= last; seed += 1) {
    const result = await simulate(seed, nodeHost, { profile: only, decisions })
    events += result.events
    transactions += result.transactions
    for (const [what, times] of result.coverage) {
      coverage.set(what, (coverage.get(what) ?? 0) + times)
    }
    const { profile, violations } = result
    if (violations.length > 0) failures.push({ seed, profile, violations, trace: result.trace() })
    else if (chunk.twiceEvery > 0 && seed % chunk.twiceEvery === 0) {
      const again = await simulate(seed, nodeHost, { profile: only, decisions })
      if (again.hash !== result.hash) failures.push(unequal(seed, profile, result, again))
    }
    if (failures.length > 0) break
  }
  return { chunk, failures, events, transactions, coverage: [...coverage] }
}

/** Two runs of one seed that are not the same: something outside the seed had a say. */
function unequal(seed: number, profile: Profile, one: RunResult, other: RunResult): Failure {
  const [lines, otherLines] = [one.trace(), other.trace()]
  const found = lines.findIndex((line, index) => line !== otherLines[index])
  const line = found < 0 ? lines.length : found
  const message = `run twice, seed ${seed} differs from line ${line + 1} of its trace on`
  const trace = [...lines.slice(0, line + 1), `the other run: ${otherLines[line] ?? 'ends here'}`]
  return { seed, profile, violations: [{ rule: 'program', message, atMs: 0 }], trace }
}
