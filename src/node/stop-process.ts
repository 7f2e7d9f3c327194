/** What a broken invariant does to the process: it ends at once, and leaves the evidence. */
import { writeSync } from 'node:fs'
import { inspect } from 'node:util'
import type { BrokenInvariant } from '../core/invariant.ts'

const standardError = 2

/** Writes the evidence and aborts: an exit handler could still send a message. */
export function stopProcess(broken: BrokenInvariant): never {
  const evidence = inspect(broken.evidence, { depth: 6 })
  writeSync(
    standardError,
    `assent: a broken invariant; the process stops.\n${broken.stack}\nevidence: ${evidence}\n`,
  )
  process.abort()
}
