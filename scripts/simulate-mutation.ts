/** Plants a bug in the production code: its source is patched as Node loads it. */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { type Mutant, mutate } from '../src/simulation/mutants/mutant.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** To be called before anything of the production code is loaded. */
export function plant(mutant: Mutant): void {
  const target = pathToFileURL(resolve(root, mutant.file)).href
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context)
      if (url !== target) return loaded
      return { ...loaded, source: mutatedSource(mutant) }
    },
  })
}

/** The patched source of a mutant's file. Throws when the mutant is stale. */
export function mutatedSource(mutant: Mutant): string {
  return mutate(readFileSync(resolve(root, mutant.file), 'utf8'), mutant)
}
