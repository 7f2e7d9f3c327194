/**
 * A statement of ours inside a message: parsed once a session, and answered as text.
 *
 * A statement under a name is parsed and planned by the server when a session sees it first; that
 * saves the server more than anything else we could leave out. Its rows are not described, so the
 * driver makes no parser for their columns. A name stands for one text for ever: it is ours alone.
 */
import type { PgResult } from './driver.ts'
import type { Message, WritingWire } from './message.ts'

/** One that answers at most one column, which is called `value`, as text. */
export interface OwnStatement {
  readonly own: string
  /** What a session keeps it under; without one it is parsed each time. */
  readonly name?: string
  readonly values?: readonly string[]
  /** Whether this object is sent again and again, so that its bytes are worth keeping. */
  readonly isConstant?: boolean
}

/** The protocol's own layer, as far as such a statement needs it. */
export interface OwnWire extends WritingWire {
  readonly parsedStatements: Record<string, string | undefined>
  parse(message: { readonly text: string; readonly name: string }): void
  bind(message: {
    readonly statement: string
    readonly values: readonly string[]
    readonly valueMapper: (value: string) => string
  }): void
  execute(message: object): void
}

const none: never[] = []

/** The same, to be parsed each time. */
export function withoutName({ own, values = none }: OwnStatement): OwnStatement {
  return { own, values }
}

/** What all names of ours begin with. */
export const namePrefix = 'assent_'

/** The bytes that run a kept statement with its values: the same on every connection. */
const kept = new WeakMap<OwnStatement, Uint8Array>()

/** Has the members of a driver's query that a message with several of them calls. */
export class OwnQuery {
  readonly text: string
  /** Empty for none, as the protocol has it. */
  readonly name: string
  readonly #statement: OwnStatement
  readonly #results: PgResult[]
  #rows: Record<string, unknown>[] = none
  #tag = ''

  /** Its answer goes to the end of `results`. */
  constructor(statement: OwnStatement, results: PgResult[]) {
    this.text = statement.own
    this.name = statement.name ?? ''
    this.#statement = statement
    this.#results = results
  }

  write(wire: OwnWire, message: Message): void {
    const { text, name } = this
    const statement = this.#statement
    if (name === '' || wire.parsedStatements[name] !== text) wire.parse({ text, name })
    const bytes = name === '' ? undefined : kept.get(statement)
    if (bytes !== undefined) {
      message.write(bytes)
      return
    }
    const { mark } = message
    const values = statement.values ?? none
    wire.bind({ statement: name, values, valueMapper: asItIs })
    wire.execute(unnamedPortal)
    if (name !== '' && statement.isConstant) kept.set(statement, message.since(mark))
  }

  handleRowDescription(): void {
    // It was not asked for.
  }

  handleDataRow(message: unknown): void {
    const { fields } = message as { readonly fields: readonly unknown[] }
    const row = { value: fields[0] }
    if (this.#rows === none) this.#rows = [row]
    else this.#rows.push(row)
  }

  handleCommandComplete({ text }: { readonly text?: unknown }): void {
    this.#tag = String(text)
  }

  handleEmptyQuery(): void {
    this.#tag = ''
  }

  /** Its answer is whole. */
  handleReadyForQuery(): void {
    this.#results.push(resultOf(this.#tag, this.#rows))
  }
}

const unnamedPortal = { portal: '', rows: 0 }

function asItIs(value: string): string {
  return value
}

/** A command tag (`INSERT 0 1`) as the driver reads it. */
export function resultOf(tag: string, rows: Record<string, unknown>[]): PgResult {
  const blank = tag.indexOf(' ')
  if (blank < 0) return { command: tag, rowCount: null, rows }
  const count = Number(tag.slice(tag.lastIndexOf(' ') + 1))
  return { command: tag.slice(0, blank), rowCount: Number.isNaN(count) ? null : count, rows }
}
