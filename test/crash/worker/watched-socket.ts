/** A socket that tells which statements have been given to the kernel. */
import { Socket } from 'node:net'

import type { CrashWatch } from './crash-watch.ts'
import type { Trigger } from './settings.ts'

type Written = (error?: Error | null) => void
type Statement = Extract<Trigger, { on: 'sent' }>['statement']

/** What one of the statements looks like on the wire. */
export interface StatementForm {
  readonly statement: Statement
  /** It may capture the transaction's id. */
  readonly form: RegExp
  /** The id, where it has to be put together. */
  readonly idOf?: (found: RegExpExecArray) => string | undefined
}

export class WatchedSocket extends Socket {
  readonly #watch: CrashWatch
  readonly #forms: readonly StatementForm[]

  constructor(watch: CrashWatch, forms: readonly StatementForm[]) {
    super()
    this.#watch = watch
    this.#forms = forms
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, written: Written): void {
    super._write(chunk, encoding, written)
    this.#look(chunk.toString())
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], written: Written): void {
    // Taken before: the socket reuses the list.
    const text = chunks.map(({ chunk }) => chunk.toString()).join('')
    super._writev?.(chunks, written)
    this.#look(text)
  }

  /** The system call that sends is made before `_write` returns, as long as the kernel has room. */
  #look(text: string): void {
    for (const { statement, form, idOf = first } of this.#forms) {
      const found = form.exec(text)
      if (found === null) continue
      this.#watch.at({ on: 'sent', statement }, idOf(found), () => this.destroy())
    }
  }
}

function first(found: RegExpExecArray): string | undefined {
  return found[1]
}
