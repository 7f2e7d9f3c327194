/**
 * Connections of Assent's own, beside the user's pool: how one is opened, used and closed.
 *
 * With a full pool whose holders wait for rows that a prepared branch keeps locked, a decision
 * delivered through the pool would wait for the very time-outs that it could end.
 */
import { AssentError } from '../../core/errors.ts'
import type { LogOwner } from '../contract.ts'
import {
  type PgConnection,
  type PgOwnClient,
  type PgPool,
  type PgPoolClient,
  type PgPoolInternals,
  type PgResult,
  resultsOf,
} from './driver.ts'
import { endsConnection } from './failures.ts'
import type { Settings } from './options.ts'
import type { OwnStatement } from './own-query.ts'
import { queryClassOf, sendPipeline } from './pipeline.ts'
import { setUpOwn } from './sql.ts'

/** Idle for so long, a connection is asked whether the other end is still there. */
const keepAliveMs = 10_000

/** A client, and how to get rid of it. */
interface Opened {
  readonly client: PgConnection & Partial<Pick<PgOwnClient, 'ref' | 'unref'>>
  close(): void
}

export type Opener = () => Promise<Opened>

/** How our own connections are made, from the options or in the way of the pool. */
export function openerFor(pool: PgPool<unknown>, settings: Settings): Opener {
  const { recovery } = settings
  if (typeof recovery === 'function') return async () => ownOf((await recovery()) as PgOwnClient)
  if (recovery !== undefined) return () => fromPool(recovery)
  const { Client, options } = pool as PgPoolInternals
  if (Client === undefined || options === undefined) {
    throw new AssentError(
      'ASSENT_INVALID_OPTION',
      'postgres: this pool does not tell how it opens connections; pass `recovery`, a pool or a ' +
        'function that opens one',
      { option: 'recovery' },
    )
  }
  return async () => {
    const client = new Client(ownConfig(options, settings.answerTimeoutMs))
    client.on('error', ignore)
    try {
      await client.connect?.()
    } catch (error) {
      client.end().catch(ignore)
      throw error
    }
    return ownOf(client)
  }
}

/** The pool's own configuration, its hidden password included, and what we need otherwise. */
function ownConfig(options: object, connectTimeoutMs: number): object {
  return Object.defineProperties(
    {},
    {
      ...Object.getOwnPropertyDescriptors(options),
      connectionTimeoutMillis: { value: connectTimeoutMs, enumerable: true },
      fallback_application_name: { value: 'assent', enumerable: true },
      // One that is idle for long hears of its end, too.
      keepAlive: { value: true, enumerable: true },
      keepAliveInitialDelayMillis: { value: keepAliveMs, enumerable: true },
      query_timeout: { value: undefined, enumerable: true },
      pipeline: { value: false, enumerable: true },
    },
  )
}

async function fromPool(pool: PgPool<unknown>): Promise<Opened> {
  const client = (await pool.connect()) as PgPoolClient
  return { client, close: () => client.release(true) }
}

function ownOf(client: PgOwnClient): Opened {
  return {
    client,
    close: () => {
      client.end().catch(ignore)
    },
  }
}

function ignore(): void {
  // Whoever asked for the connection hears of it; a second report changes nothing.
}

/** One open connection. */
export class OwnConnection {
  /** Called once when it is closed, by us or by the server. */
  onClosed: ((cause: unknown) => void) | undefined
  readonly #opened: Opened
  #isClosed = false

  /** Sets it up for its whole life; rejects, closed, when that fails. */
  static async open(opener: Opener, limitMs: number, owner?: LogOwner): Promise<OwnConnection> {
    const connection = new OwnConnection(await opener())
    await connection.send(setUpOwn(limitMs, owner))
    return connection
  }

  constructor(opened: Opened) {
    this.#opened = opened
    // A connection that dies while it rests must not be handed out again.
    opened.client.on('error', (cause: unknown) => this.close(cause))
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  async send(text: string): Promise<readonly PgResult[]> {
    return this.#reply(this.#opened.client.query(text))
  }

  command(text: string): Promise<readonly PgResult[]> {
    return this.send(text)
  }

  async ask(text: string, values: readonly unknown[]): Promise<readonly PgResult[]> {
    return this.#reply(this.#opened.client.query(text, values))
  }

  /**
   * Runs statements of our own, in one message where the driver can put one together. Rejects with the
   * first failure, behind which nothing was run.
   */
  async together(statements: readonly OwnStatement[]): Promise<readonly PgResult[]> {
    const { client } = this.#opened
    const Query = queryClassOf(client)
    if (Query !== undefined) {
      const sent = sendPipeline(client, Query, statements).then(({ results, failure }) => {
        if (failure !== undefined) throw failure.cause
        return [...results]
      })
      return await this.#reply(sent)
    }
    const results: PgResult[] = []
    for (const { own, values = [] } of statements) results.push(...(await this.ask(own, values)))
    return results
  }

  /** While it is idle it keeps no process alive. */
  rest(isResting: boolean): void {
    const { client } = this.#opened
    if (isResting) client.unref?.()
    else client.ref?.()
  }

  close(cause?: unknown): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#opened.close()
    this.onClosed?.(cause)
  }

  async #reply(asked: Promise<PgResult | readonly PgResult[]>): Promise<readonly PgResult[]> {
    try {
      return resultsOf(await asked)
    } catch (error) {
      if (endsConnection(error)) this.close(error)
      throw error
    }
  }
}
