/** Reads the text files of a tree, and what each TypeScript file imports. */

import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

import { type Token, tokenize } from './source-tokens.ts'

export interface TextFile {
  /** From the root, with `/`. */
  readonly path: string
  readonly text: string
}

export interface Import {
  readonly specifier: string
  readonly line: number
  /** What a relative specifier points to, from the root; undefined for packages. */
  readonly target: string | undefined
}

export interface SourceFile extends TextFile {
  readonly tokens: readonly Token[]
  readonly imports: readonly Import[]
}

export interface Tree {
  readonly texts: readonly TextFile[]
  /** The TypeScript files among them. */
  readonly sources: readonly SourceFile[]
}

/** A broken rule, at its place. */
export interface Violation {
  readonly path: string
  readonly line: number
  /** Says what to do instead. */
  readonly message: string
}

const skippedFolders = new Set(['.git', 'node_modules', 'dist', 'coverage', 'transactions'])
const binary = /\.(png|jpe?g|gif|ico|woff2?|tgz|gz|zip|log|bin|seg|db)$/

export function readTree(root: string): Tree {
  const texts = readFolder(root, '').sort((a, b) => (a.path < b.path ? -1 : 1))
  const sources = texts.filter((file) => file.path.endsWith('.ts')).map(asSource)
  return { texts, sources }
}

function readFolder(root: string, folder: string): TextFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    if (entry.isDirectory()) return skippedFolders.has(entry.name) ? [] : readFolder(root, path)
    if (!entry.isFile() || binary.test(entry.name)) return []
    const text = readFileSync(join(root, path), 'utf8')
    return text.includes('\0') ? [] : [{ path, text }]
  })
}

function asSource(file: TextFile): SourceFile {
  const tokens = tokenize(file.text)
  return { ...file, tokens, imports: importsOf(file.path, tokens) }
}

/** Static, side-effect, dynamic and type imports, and re-exports. */
function importsOf(path: string, tokens: readonly Token[]): Import[] {
  const code = tokens.filter((token) => token.kind !== 'comment')
  return code.flatMap((token, index) => {
    if (token.kind !== 'string' && token.kind !== 'template') return []
    const before = code[index - 1]
    const opener = before?.text === '(' ? code[index - 2] : before
    const words = before?.text === '(' ? ['import', 'require'] : ['from', 'import']
    if (opener?.kind !== 'name' || !words.includes(opener.text)) return []
    const specifier = token.text
    const target = specifier.startsWith('.')
      ? posix.join(posix.dirname(path), specifier)
      : undefined
    return [{ specifier, line: token.line, target }]
  })
}
