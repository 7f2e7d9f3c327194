/**
 * The gates over the source tree and over the packed package, as commands. `scripts/check.ts` runs
 * them on the repository; the negative tests under `test/gates/` run the same commands on planted
 * violations.
 */

import type { Command } from './command.ts'

export interface Gate {
  readonly name: string
  readonly commands: readonly Command[]
}

export const lintGate: Gate = {
  name: 'format and lint',
  commands: [
    {
      tool: 'biome',
      arguments: ['ci', '--error-on-warnings', '--max-diagnostics=200', '--colors=off', '.'],
    },
  ],
}

const typeGate: Gate = {
  name: 'types',
  commands: [
    { tool: 'tsc', arguments: ['-b'] },
    { tool: 'tsc', arguments: ['-p', 'test'] },
    { tool: 'tsc', arguments: ['-p', 'scripts'] },
    { tool: 'tsc', arguments: ['-p', 'bench'] },
  ],
}

/** Gates that read the working tree; each runs with the repository as its folder. */
export const sourceGates: readonly Gate[] = [lintGate, typeGate]

/** Reads from the entry files downward, so it means nothing before they are written. */
export const deadCodeGate: Gate = {
  name: 'dead code and dependencies',
  commands: [
    { tool: 'knip', arguments: ['--no-progress', '--treat-config-hints-as-errors'] },
    {
      // What ships may not rest on a development dependency, nor contain what only tests reach.
      tool: 'knip',
      arguments: [
        '--no-progress',
        '--production',
        '--strict',
        '--include=files,dependencies,unlisted,unresolved',
      ],
    },
  ],
}

/** Gates over the tarball that `npm pack` made, by its path. */
export function packageGates(tarball: string): readonly Gate[] {
  return [
    { name: 'publint', commands: [{ tool: 'publint', arguments: [tarball, '--strict'] }] },
    {
      name: 'are the types wrong',
      commands: [{ tool: 'attw', arguments: [tarball, '--profile', 'esm-only', '--no-emoji'] }],
    },
  ]
}
