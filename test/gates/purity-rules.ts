/**
 * The pure layers reach the world through ports alone, or the simulator would no longer run what
 * production runs. A banned name is banned bare, so that an alias (`const D = Date`) is seen too.
 */

import { layerOf, layers } from './layers.ts'
import type { Token } from './source-tokens.ts'
import type { SourceFile, Violation } from './source-tree.ts'

const ports = 'of src/core/ports.ts'
const timers = `the Timers port ${ports}`
const textCodec = 'src/core/codec.ts'
const replacements: ReadonlyMap<string, string> = new Map([
  ['Date', `the Clock port ${ports}`],
  ['performance', `the Clock port ${ports}`],
  ['setTimeout', timers],
  ['setInterval', timers],
  ['setImmediate', timers],
  ['clearTimeout', timers],
  ['clearInterval', timers],
  ['clearImmediate', timers],
  ['queueMicrotask', 'an event of the dispatcher in src/coordinator'],
  ['crypto', `the Random port ${ports}`],
  ['process', 'an option handed in by src/node'],
  ['console', `the Events port ${ports}`],
  ['Buffer', 'Uint8Array and src/core/codec.ts'],
  ['TextEncoder', textCodec],
  ['TextDecoder', textCodec],
  ['fetch', 'a participant whose client is handed in'],
  ['globalThis', `the port you need ${ports}`],
  ['global', `the port you need ${ports}`],
  ['eval', 'plain code'],
  ['Intl', 'plain strings; the locale belongs to src/cli'],
  ['WeakRef', 'explicit ownership: what the garbage collector decides, no seed replays'],
  [
    'FinalizationRegistry',
    'explicit ownership: what the garbage collector decides, no seed replays',
  ],
])

/**
 * Names that one place may use: the declaration of the platform's encoders, which are pure; a type
 * that the reader's platform evaluates; and the simulated processes, which have the word for
 * themselves (the compiler knows no `process` of Node there, see type-layers.test.ts).
 */
const exceptions: ReadonlyMap<string, readonly string[]> = new Map([
  [textCodec, ['TextEncoder', 'TextDecoder']],
  ['src/core/ports.ts', ['globalThis']],
  ['src/simulation/', ['process']],
])

export function purityViolations(sources: readonly SourceFile[]): Violation[] {
  const pure = new Set(layers.filter((layer) => layer.pure).map(({ name }) => name))
  return sources
    .filter((file) => pure.has(layerOf(file.path) ?? ''))
    .flatMap((file) => {
      const code = file.tokens.filter((token) => token.kind !== 'comment')
      return code.flatMap((token, index) => {
        const message = bannedAt(code, index)
        return message === undefined || isExcepted(file.path, token.text)
          ? []
          : [{ path: file.path, line: token.line, message }]
      })
    })
}

function isExcepted(path: string, name: string): boolean {
  return [...exceptions].some(([place, names]) => path.startsWith(place) && names.includes(name))
}

function bannedAt(code: readonly Token[], index: number): string | undefined {
  const token = code[index]
  if (token?.kind !== 'name' || isMember(code, index)) return undefined
  if (token.text === 'Math') return bannedMath(code, index)
  if (token.text === 'import' && code[index + 1]?.text === '.') {
    return 'import.meta is banned here: take an option handed in by src/node'
  }
  const replacement = replacements.get(token.text)
  if (replacement === undefined) return undefined
  const next = code[index + 1]?.text === '.' ? `.${code[index + 2]?.text}` : ''
  return `${token.text}${next} is banned here: use ${replacement}`
}

/** `Math.random` is banned by every road: called, aliased, destructured, or looked up by name. */
function bannedMath(code: readonly Token[], index: number): string | undefined {
  const [dot, member] = [code[index + 1], code[index + 2]]
  const isNamed = dot?.text === '.' && member?.kind === 'name'
  if (isNamed && member.text !== 'random') return undefined
  const shown = isNamed ? 'Math.random' : 'Math as a value, which hides Math.random,'
  return `${shown} is banned here: use the Random port ${ports}`
}

/** A property of something else, or the key of a property: `tx.process`, `{ process: 1 }`. */
function isMember(code: readonly Token[], index: number): boolean {
  const before = code[index - 1]?.text
  if (before === '.' || before === '?.') return !isSpread(code, index - 1)
  const after = code[index + 1]?.text
  const opensKey = before === '{' || before === ',' || before === ';' || before === 'readonly'
  return opensKey && (after === ':' || (after === '?' && code[index + 2]?.text === ':'))
}

/** Whether the dot at `index` is the last of `...`. */
function isSpread(code: readonly Token[], index: number): boolean {
  return code[index]?.text === '.' && code[index - 1]?.text === '.'
}
