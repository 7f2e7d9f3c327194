/** Rules about files as text: their size, their names, their first words, and what they may say. */

import { layerOf, layers } from './layers.ts'
import type { SourceFile, TextFile, Violation } from './source-tree.ts'

const fileLinesMax = 320
const lineLengthMax = 120
const openingLengthMin = 60

export function sourceViolations(sources: readonly SourceFile[]): Violation[] {
  return sources.flatMap((file) => [
    ...tooLong(file),
    ...openings(file),
    ...bannedSyntax(file),
    ...sleeps(file),
    ...unawaitedRejections(file),
  ])
}

export function textViolations(texts: readonly TextFile[]): Violation[] {
  return texts.flatMap((file) => [...badName(file), ...machineTraces(file)])
}

function tooLong(file: SourceFile): Violation[] {
  const lines = file.text.trimEnd().split('\n')
  const found = lines.flatMap((line, index) =>
    [...line].length > lineLengthMax
      ? [at(file, index + 1, `longer than ${lineLengthMax} characters: break the line`)]
      : [],
  )
  if (layerOf(file.path) !== undefined && lines.length > fileLinesMax) {
    const message = `${lines.length} lines, and ${fileLinesMax} is the most: split it by subject`
    found.push(at(file, fileLinesMax, message))
  }
  return found
}

function openings(file: SourceFile): Violation[] {
  const layer = layers.find(({ name }) => name === layerOf(file.path))
  if (layer?.opensWithComment !== true) return []
  const said = file.tokens.findIndex((token) => token.kind !== 'comment')
  const comments = said < 0 ? file.tokens : file.tokens.slice(0, said)
  const length = comments.reduce((sum, comment) => sum + comment.text.length, 0)
  if (length >= openingLengthMin) return []
  const message =
    'opens without a comment: say what the file is for, the invariants it keeps (A3), ' +
    'and the crash it defends against'
  return [at(file, 1, message)]
}

function bannedSyntax(file: SourceFile): Violation[] {
  return file.tokens.flatMap((token, index) => {
    if (token.kind === 'comment' && /^\/\/\/\s*<reference/.test(token.text)) {
      const message =
        '`/// <reference` lets types in behind the tsconfig: write a structural type, or list the ' +
        "types in the layer's tsconfig"
      return [at(file, token.line, message)]
    }
    if (token.kind === 'comment' && /@ts-(nocheck|ignore)/.test(token.text.slice(0, 40))) {
      return [at(file, token.line, 'use `@ts-expect-error` with a reason, on one line')]
    }
    const next = file.tokens[index + 1]
    if (token.kind === 'name' && token.text === 'enum' && next?.kind === 'name') {
      const message = `enum ${next.text}: use a union of string literals, which type stripping can erase`
      return [at(file, token.line, message)]
    }
    return []
  })
}

const sleepers = new Set(['setTimeout', 'setInterval', 'setImmediate'])
const sleepModules = new Set(['node:timers', 'node:timers/promises'])

/** A test waits for a condition, never for time; what bounds the wait lives in the harness. */
function sleeps(file: SourceFile): Violation[] {
  if (!file.path.startsWith('test/')) return []
  const lines = file.text.split('\n')
  const excused = (line: number): boolean =>
    file.path.startsWith('test/harness/') &&
    lines.slice(Math.max(0, line - 2), line).some((text) => /\/\/ waits: \S/.test(text))
  const message =
    'a sleep in a test: wait for a condition with a bound, by what test/harness/ offers ' +
    '(in the harness itself, a comment `// waits: WHY` on the line or above it allows this)'
  const calls = file.tokens.filter((token) => token.kind === 'name' && sleepers.has(token.text))
  const imports = file.imports.filter(({ specifier }) => sleepModules.has(specifier))
  return [...calls, ...imports]
    .filter(({ line }) => !excused(line))
    .map(({ line }) => at(file, line, message))
}

/** `assert.rejects` gives a promise: unawaited, it asserts nothing. */
function unawaitedRejections(file: SourceFile): Violation[] {
  const code = file.tokens.filter((token) => token.kind !== 'comment')
  return code.flatMap((token, index) => {
    if (token.kind !== 'name' || !/^(rejects|doesNotReject)$/.test(token.text)) return []
    if (code[index - 1]?.text !== '.' || code[index - 2]?.text !== 'assert') return []
    const before = code[index - 3]?.text ?? ''
    if (['await', 'return', '=>', ',', '[', '='].includes(before)) return []
    return [at(file, token.line, `await assert.${token.text}: it gives a promise`)]
  })
}

function badName(file: TextFile): Violation[] {
  const vague = file.path
    .split('/')
    .find((part) => /^(utils?|helpers?|misc)(\.|$)|[-.](utils?|helpers?|misc)\.\w+$/i.test(part))
  if (vague === undefined) return []
  return [at(file, 1, `'${vague}' names no thing: call the file by the noun it is about`)]
}

const machinePath = /(?:^|[\s"'`(=:,[])(\/(?:work|home|root|tmp|Users)\/[\w.~-]+)/
const registryHost = /\b(?:registry|npm|artifactory|nexus)\.[\w-]+(?:\.[\w-]+)+|"resolved":\s"/

function machineTraces(file: TextFile): Violation[] {
  return file.text.split('\n').flatMap((line, index) => {
    const path = machinePath.exec(line)?.[1]
    const host = registryHost.exec(line)?.[0]
    return [
      ...(path === undefined
        ? []
        : [
            at(
              file,
              index + 1,
              `'${path}' is a path of one machine: use a relative path or os.tmpdir()`,
            ),
          ]),
      ...(host === undefined
        ? []
        : [
            at(
              file,
              index + 1,
              `'${host}' names a registry: leave it to each machine's npm settings`,
            ),
          ]),
    ]
  })
}

function at(file: TextFile, line: number, message: string): Violation {
  return { path: file.path, line, message }
}
