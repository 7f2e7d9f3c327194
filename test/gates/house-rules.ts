/** All house rules over one tree, and how much of it was read: a gate that read nothing is broken. */

import { importViolations } from './import-rules.ts'
import { layerOf, layers } from './layers.ts'
import { purityViolations } from './purity-rules.ts'
import { readTree, type Violation } from './source-tree.ts'
import { sourceViolations, textViolations } from './text-rules.ts'

export interface Finding {
  readonly violations: readonly Violation[]
  /** TypeScript files that were read, by layer. */
  readonly filesByLayer: ReadonlyMap<string, number>
}

export function houseRules(root: string): Finding {
  const { texts, sources } = readTree(root)
  const filesByLayer = new Map(layers.map(({ name }) => [name, 0]))
  const strays: Violation[] = []
  for (const { path } of sources) {
    const layer = layerOf(path)
    if (layer === undefined) continue
    const count = filesByLayer.get(layer)
    if (count !== undefined) filesByLayer.set(layer, count + 1)
    else strays.push({ path, line: 1, message: `src/${layer} is no layer of test/gates/layers.ts` })
  }
  const violations = [
    ...strays,
    ...importViolations(sources),
    ...purityViolations(sources),
    ...sourceViolations(sources),
    ...textViolations(texts),
  ]
  return { violations, filesByLayer }
}

/** One line a violation, as compilers write them. */
export function render(violations: readonly Violation[]): string {
  return violations.map(({ path, line, message }) => `${path}:${line}: ${message}`).join('\n')
}
