/**
 * The layers of `src/` and which way imports may run. The compiler's project references say much of
 * the same, but let a layer import what it reaches through another, so this table is what holds.
 */

export interface Layer {
  /** A folder of `src/`, or `entry` for the files of `src/` itself. */
  readonly name: string
  /** Free of I/O: no Node, no clock, no timers, no randomness; only the ports. */
  readonly pure: boolean
  /** Layers, or single files, that it may import besides itself. */
  readonly mayImport: readonly string[]
  /** Packages that it may import; none may be a dependency of the library. */
  readonly packages: readonly string[]
  /** Whether each file has to open with what it is for and which invariants it keeps. */
  readonly opensWithComment: boolean
}

const contracts = ['log/contract.ts', 'participants/contract.ts']

/** What the types of the face are made of, beside the layers that an entry may import. */
const entryTypes = [...contracts, 'protocol/two-phase/state.ts']

export const layers: readonly Layer[] = [
  layer('core', { pure: true, mayImport: [] }),
  layer('protocol', { pure: true, mayImport: ['core'], opensWithComment: true }),
  layer('log', { pure: true, mayImport: ['core'], opensWithComment: true }),
  layer('participants', { pure: true, mayImport: ['core'] }),
  layer('doctor', { pure: true, mayImport: ['core', 'participants/contract.ts'] }),
  layer('coordinator', {
    pure: true,
    mayImport: ['core', 'protocol', ...contracts, 'doctor'],
    opensWithComment: true,
  }),
  layer('simulation', {
    pure: true,
    mayImport: ['core', 'protocol', 'log', 'participants', 'coordinator'],
  }),
  layer('node', { mayImport: ['core', 'log', 'participants', 'doctor', 'coordinator'] }),
  layer('config', {
    mayImport: ['core', 'log', 'participants', 'doctor', 'coordinator', 'node'],
    packages: ['zod', 'pg', 'mysql2/promise'],
  }),
  layer('entry', {
    mayImport: ['core', 'participants', 'doctor', 'coordinator', 'node', 'config', ...entryTypes],
  }),
  layer('cli', {
    mayImport: [
      ...['core', 'protocol', 'log', 'participants', 'doctor', 'coordinator', 'node'],
      ...['config', 'entry'],
    ],
    packages: ['pg', 'mysql2/promise'],
  }),
]

/** Layers where modules of Node may be imported. */
export const layersOnNode: readonly string[] = ['node', 'config', 'cli']

/** Wings: one contract, and one folder an implementation; no implementation imports another. */
export const wings: readonly string[] = ['log', 'participants']

/** Folders of a wing that are no implementations, but what several of them share. */
export const sharedInWings: readonly string[] = ['participants/sql']

/** The layer that a file belongs to, by its path from the root; undefined outside `src/`. */
export function layerOf(path: string): string | undefined {
  const [top, folder, ...rest] = path.split('/')
  if (top !== 'src' || folder === undefined) return undefined
  return rest.length === 0 ? 'entry' : folder
}

function layer(name: string, given: Partial<Layer> & Pick<Layer, 'mayImport'>): Layer {
  return { name, pure: false, packages: [], opensWithComment: false, ...given }
}
