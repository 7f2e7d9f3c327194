/** Reads a command line against the description of its command; every refusal says what to do. */
import { parseArgs } from 'node:util'
import type { CommandDescription, OptionDescription } from './description.ts'
import { UsageError } from './failures.ts'

/** Understood by every command. */
export const commonOptions: readonly OptionDescription[] = [
  { name: 'help', help: 'Shows this.' },
  { name: 'version', help: 'Shows the version.' },
]

interface NumberRange {
  readonly min: number
  readonly max: number
  readonly isWhole: boolean
  readonly byDefault: number
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number]
type OptionToken = Extract<Token, { kind: 'option' }>

export class Arguments {
  readonly operands: readonly string[]
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(operands: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.operands = operands
    this.#values = values
  }

  /** Whether a switch was given. */
  has(name: string): boolean {
    return this.#values.has(name)
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.[0]
  }

  /** A number in plain decimal notation. Throws `UsageError` for anything else. */
  number(name: string, range: NumberRange): number {
    const text = this.text(name)
    if (text === undefined) return range.byDefault
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
    const isUsable = value >= range.min && value <= range.max
    if (isUsable && (!range.isWhole || Number.isInteger(value))) return value
    const kind = range.isWhole ? 'a whole number' : 'a number'
    throw new UsageError(`--${name} takes ${kind} from ${range.min} to ${range.max}, not '${text}'`)
  }
}

/** Whether help or the version is asked for; both win over whatever else is on the line. */
export function asksFor(args: readonly string[], wanted: 'help' | 'version'): boolean {
  const end = args.indexOf('--')
  const before = end < 0 ? args : args.slice(0, end)
  return before.includes(`--${wanted}`) || (wanted === 'help' && before.includes('-h'))
}

/** Throws `UsageError` for a line that the command can't mean. */
export function readArguments(description: CommandDescription, args: readonly string[]): Arguments {
  const known = new Map([...commonOptions, ...description.options].map((each) => [each.name, each]))
  const options: Record<string, { type: 'boolean' | 'string'; multiple: boolean }> = {}
  for (const { name, value } of known.values()) {
    options[name] = { type: value === undefined ? 'boolean' : 'string', multiple: true }
  }
  const { tokens } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const values = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const option = known.get(token.name)
    if (option === undefined) throw new UsageError(unknown(token.rawName, [...known.keys()]))
    const before = values.get(option.name) ?? []
    if (before.length > 0 && option.multiple !== true) {
      throw new UsageError(`--${option.name} is given twice`)
    }
    values.set(option.name, [...before, readValue(option, token)])
  }
  const operands = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []))
  checkComplete(description, operands, values)
  return new Arguments(operands, values)
}

function readValue(option: OptionDescription, token: OptionToken): string {
  const { name, value: what } = option
  const { value, inlineValue } = token
  if (what === undefined) {
    if (value === undefined) return ''
    throw new UsageError(`--${name} takes no value`)
  }
  if (value === undefined || value === '') throw new UsageError(`--${name} needs a value: ${what}`)
  if (inlineValue === false && value.startsWith('-')) {
    throw new UsageError(
      `--${name} needs a value: ${what}; one that begins with - is written after =`,
    )
  }
  return value
}

function checkComplete(
  { operands: expected, options }: CommandDescription,
  operands: readonly string[],
  values: ReadonlyMap<string, unknown>,
): void {
  const missing = expected[operands.length]
  if (missing !== undefined) throw new UsageError(`${missing} is missing`)
  const extra = operands[expected.length]
  if (extra !== undefined) throw new UsageError(`'${extra}' is one argument too many`)
  for (const { name, value, required } of options) {
    if (required === true && !values.has(name)) {
      throw new UsageError(`--${name} ${value ?? ''} is missing`)
    }
  }
}

function unknown(rawName: string, names: readonly string[]): string {
  const bare = rawName.replace(/^-+/, '')
  const near = names.find((name) => name.startsWith(bare) || bare.startsWith(name))
  const hint = near === undefined || bare === '' ? '' : `; did you mean --${near}?`
  return `there is no option ${rawName}${hint}`
}
