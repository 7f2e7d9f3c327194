/** Finds a configuration, reads it, and checks it. Every refusal names the file and the key. */
import { readFile, stat } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { AssentError, codeOf, messageOf } from '../core/errors.ts'
import type { Configuration } from './configuration.ts'
import { problemsOf } from './problems.ts'
import { parseConfiguration } from './schema.ts'

/** In the order in which they are looked for. */
export const configurationNames: readonly string[] = [
  'assent.config.ts',
  'assent.config.js',
  'assent.config.mjs',
  'assent.config.json',
]

export interface FindOptions {
  /** The file; by default the first of `assent.config.{ts,js,mjs,json}` in `directory`. */
  readonly file?: string | undefined
  /** Where to look, and what `file` is relative to; by default the working directory. */
  readonly directory?: string | undefined
}

/** A configuration that was read and is as it should be. Environment variables are not read yet. */
export interface LoadedConfiguration {
  /** Where it was; absolute. */
  readonly file: string
  /** The directory of the log; absolute. Undefined where a resource keeps the decisions. */
  readonly log: string | undefined
  readonly configuration: Configuration
}

/**
 * Reads a configuration. Throws `ASSENT_INVALID_OPTION`, which names the file and what is wrong.
 *
 * @example
 * const { configuration, log } = await loadConfiguration({ file: './assent.config.json' })
 */
export async function loadConfiguration(options: FindOptions = {}): Promise<LoadedConfiguration> {
  const file = await locate(options)
  if (file !== undefined) return check(file, await read(file))
  const directory = resolve(options.directory ?? '.')
  throw invalid(
    'config',
    `there is no assent.config.{ts,js,mjs,json} in ${directory}; make one, or name yours`,
  )
}

/** The file to read; undefined where none was named and none is there. */
export async function locate({ file, directory = '.' }: FindOptions): Promise<string | undefined> {
  if (file !== undefined) return resolve(directory, file)
  for (const name of configurationNames) {
    const path = resolve(directory, name)
    if ((await stat(path).catch(() => undefined))?.isFile()) return path
  }
  return undefined
}

async function read(file: string): Promise<unknown> {
  const found = await stat(file).catch(() => undefined)
  if (found === undefined) throw invalid('config', `there is no file ${file}`)
  switch (extname(file)) {
    case '.json':
      return await readJson(file)
    case '.ts':
    case '.mts':
      refuseWithoutStripping(file)
      return await readModule(file)
    case '.js':
    case '.mjs':
      return await readModule(file)
    default:
      throw invalid('config', `${file}: a configuration is a .ts, .js, .mjs or .json file`)
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    // The parser quotes what it stumbled on, and that may be a secret.
    const why = cause instanceof SyntaxError ? `no JSON${positionOf(cause)}` : messageOf(cause)
    throw invalid('config', `${file}: ${why}`, codeOf(cause) === undefined ? undefined : cause)
  }
}

function positionOf({ message }: SyntaxError): string {
  const place = /\(line \d+ column \d+\)|at position \d+/.exec(message)?.[0]
  return place === undefined ? '' : ` ${place}`
}

/** Node itself takes the types out, since 22.18; an older one, or one told not to, can't. */
function refuseWithoutStripping(file: string): void {
  if (process.features.typescript !== false) return
  throw invalid(
    'config',
    `${file}: this Node (${process.version}) takes no TypeScript; use Node 22.18 or newer, ` +
      'or a .js, .mjs or .json file',
  )
}

async function readModule(file: string): Promise<unknown> {
  let module: { readonly default?: unknown }
  try {
    module = await import(pathToFileURL(file).href)
  } catch (cause) {
    throw invalid('config', `${file} can not be loaded: ${messageOf(cause)}`, cause)
  }
  if (module.default !== undefined) return module.default
  throw invalid('config', `${file} has no default export; write export default defineConfig(...)`)
}

function check(file: string, given: unknown): LoadedConfiguration {
  const parsed = parseConfiguration(given)
  if ('issues' in parsed) {
    const problems = problemsOf(parsed.issues, given)
    const [first] = parsed.issues
    throw invalid(first?.path.join('.') || 'config', `${file}: ${problems.join('; ')}`)
  }
  const { configuration } = parsed
  const names = Object.keys(configuration.resources)
  if (names.length === 0) throw invalid('resources', `${file}: resources names no resource`)
  const stranger = configuration.acceptChanged?.find((name) => !names.includes(name))
  if (stranger !== undefined) {
    throw invalid(
      'acceptChanged',
      `${file}: acceptChanged names '${stranger}', which is no resource`,
    )
  }
  const { log } = configuration
  checkPlace(file, configuration, names)
  return { file, log: log && join(resolve(dirname(file), log)), configuration }
}

/** One of the two says where the decisions are kept. */
function checkPlace(
  file: string,
  { log, decisions }: Configuration,
  names: readonly string[],
): void {
  if (log === undefined && decisions === undefined) {
    const such = 'the path of a directory that lasts, such as ./transactions'
    throw invalid('log', `${file}: log is missing: it must be ${such}; or give decisions instead`)
  }
  if (log !== undefined && decisions !== undefined) {
    throw invalid('decisions', `${file}: decisions and log both say where: give one of them`)
  }
  if (decisions !== undefined && !names.includes(decisions.in)) {
    const stranger = `decisions.in names '${decisions.in}', which is no resource`
    throw invalid('decisions.in', `${file}: ${stranger}`)
  }
}

export function invalid(option: string, message: string, cause?: unknown): AssentError {
  const options = cause === undefined ? {} : { cause }
  return new AssentError('ASSENT_INVALID_OPTION', message, { option }, options)
}
