/**
 * A statement without values or rows, sent as a simple query: what ends a branch, mostly.
 *
 * It does what the driver's own query object would do, without that object's parsers, results and
 * events: at a thousand transactions a second those are what the client's time goes into.
 */
import type { PgResult, PgSubmittable } from './driver.ts'
import { resultOf } from './own-query.ts'

/** Sent by `client.query(command)`; `answered` tells the tag of each statement of its text. */
export class Command implements PgSubmittable {
  readonly text: string
  readonly answered: Promise<readonly PgResult[]>
  /** The driver puts its own time-out here, and takes it away when it is called. */
  callback: ((error: unknown, reply?: unknown) => void) | undefined
  readonly #results: PgResult[] = []
  #resolve: (results: readonly PgResult[]) => void = () => undefined
  #reject: (cause: unknown) => void = () => undefined

  constructor(text: string) {
    this.text = text
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  submit(connection: unknown): null {
    const wire = connection as { query(text: string): void }
    wire.query(this.text)
    return null
  }

  handleRowDescription(): void {
    // A command has no rows.
  }

  handleDataRow(): void {
    // A command has no rows.
  }

  handleCommandComplete({ text }: { readonly text?: unknown }): void {
    this.#results.push(resultOf(String(text), []))
  }

  handleEmptyQuery(): void {
    // Answered without a tag, which proves nothing.
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#results)
    this.callback?.(null)
  }

  handleError(cause: unknown): void {
    this.#reject(cause)
    this.callback?.(cause)
  }
}
