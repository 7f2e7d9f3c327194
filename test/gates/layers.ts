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
  layer('coordinator', {
    pure: true,
    mayImport: ['core', 'protocol', ...contracts],
    opensWithComment: true,
  }),
  layer('simulation', {
    pure: true,
    mayImport: ['core', 'protocol', 'log', 'participants', 'coordinator'],
  }),
  layer('node', { mayImport: ['core', 'log', 'participants', 'coordinator'] }),
  layer('entry', { mayImport: ['core', 'participants', 'coordinator', 'node', ...entryTypes] }),
  layer('cli', {
    mayImport: ['core', 'protocol', 'log', 'participants', 'coordinator', 'node', 'entry'],
    packages: ['pg'],
  }),
]

/** Layers where modules of Node may be imported. */
export const layersOnNode: readonly string[] = ['node', 'cli']

/** Wings: one contract, and one folder an implementation; no implementation imports another. */
export const wings: readonly string[] = ['log', 'participants']

/** The layer that a file belongs to, by its path from the root; undefined outside `src/`. */
export function layerOf(path: string): string | undefined {
  const [top, folder, ...rest] = path.split('/')
  if (top !== 'src' || folder === undefined) return undefined
  return rest.length === 0 ? 'entry' : folder
}

function layer(name: string, given: Partial<Layer> & Pick<Layer, 'mayImport'>): Layer {
  return { name, pure: false, packages: [], opensWithComment: false, ...given }
}
