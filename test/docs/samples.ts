/**
 * The samples of code in the documents and in the docstrings, each made a module of its own that the
 * compiler can check, and that can be run where the sample says what comes out.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { repository } from '../../scripts/command.ts'

export interface Sample {
  /** `docs/x.md:12`: where the sample begins. */
  readonly place: string
  readonly code: string
  /** The source file whose docstring it stands in; undefined for one of a document. */
  readonly source: string | undefined
}

/** Files whose samples are checked elsewhere: each integration's test runs its own page. */
const checkedElsewhere = /^docs\/integrations\//

const fence = /^```(?:ts|js)\b.*\n([\s\S]*?)^```$/gm
const docstring = /\/\*\*[\s\S]*?\*\//g
const example = /@example\b([\s\S]*?)(?=\n\s*\*\s*@|\*\/)/g

/** All samples of TypeScript in the README, in `docs/` and in the docstrings of `src/`. */
export function readSamples(): Sample[] {
  const documents = globSync(['README.md', 'CONTRIBUTING.md', 'docs/**/*.md'], { cwd: repository })
  const sources = globSync('src/**/*.ts', { cwd: repository })
  const read = (path: string): string => readFileSync(join(repository, path), 'utf8')
  return [
    ...documents
      .filter((path) => !checkedElsewhere.test(path))
      .flatMap((path) => samplesOfDocument(path, read(path))),
    ...sources.flatMap((path) => samplesOfSource(path, read(path))),
  ]
}

/** @example samplesOfDocument('a.md', '```ts\nconst a = 1\n```\n')[0].place // 'a.md:2' */
export function samplesOfDocument(path: string, text: string): Sample[] {
  return [...text.matchAll(fence)].map((match) => ({
    place: `${path}:${lineAt(text, match.index) + 1}`,
    code: match[1] ?? '',
    source: undefined,
  }))
}

export function samplesOfSource(path: string, text: string): Sample[] {
  return [...text.matchAll(docstring)].flatMap((comment) =>
    [...comment[0].matchAll(example)].map((match) => ({
      place: `${path}:${lineAt(text, comment.index + match.index)}`,
      code: (match[1] ?? '').replaceAll(/^\s*\* ?/gm, '').trim(),
      source: path,
    })),
  )
}

/**
 * The module that a sample becomes: its imports at the top, the rest in a function. One from a
 * docstring can name what its file exports.
 */
export function moduleOf(sample: Sample): string {
  const lines = sample.code.split('\n')
  const imports = lines.filter((line) => line.startsWith('import '))
  const rest = lines.filter((line) => !line.startsWith('import '))
  // A module that is nothing but its default export, such as a configuration file, stays one.
  if (rest.some((line) => line.startsWith('export default '))) {
    return [...importOfSource(sample), ...imports, ...rest, ''].join('\n')
  }
  const body = rest.map(checked)
  const own = importOfSource(sample)
  const assert = `import assert from 'node:assert/strict'`
  return [
    ...(isRunnable(sample) ? [assert] : []),
    ...own,
    ...imports,
    `// ${sample.place}`,
    'export async function sample() {',
    ...body,
    '}',
    '',
  ].join('\n')
}

/** Whether a sample says what comes out of each of its lines, or of its last. */
export function isRunnable({ code, source }: Sample): boolean {
  return source !== undefined && code.split('\n').some((line) => result.test(line))
}

const result = /^(?<expression>\S.*?) \/\/ (?<value>'[^']*'|-?\d[\w.]*|true|false|undefined)$/

/** `expression // value` becomes an assertion. */
function checked(line: string): string {
  const found = result.exec(line)
  if (found?.groups === undefined) return line
  return `assert.deepEqual(${found.groups.expression}, ${found.groups.value})`
}

function importOfSource({ code, source }: Sample): string[] {
  if (source === undefined) return []
  const path = join(repository, source)
  const text = readFileSync(path, 'utf8')
  const exported = (kind: string): string[] =>
    // An overloaded function stands there several times.
    [...new Set([...text.matchAll(new RegExp(`^export (?:${kind}) (\\w+)`, 'gm'))].map(nameIn))]
  const named = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(code)
  const values = exported('async function|function|class|const').filter(named)
  const types = exported('type|interface').filter(named)
  const names = [...values, ...types.map((name) => `type ${name}`)]
  return names.length === 0 ? [] : [`import { ${names.join(', ')} } from '${path}'`]
}

function nameIn(match: RegExpExecArray): string {
  return match[1] ?? ''
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
