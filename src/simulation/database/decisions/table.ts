/** The decision tables of a simulated database as the log over them asks for them: the port. */
import type {
  DecisionRow,
  DecisionTable,
  LockRequest,
  TableChange,
  TableContents,
  TableHolder,
  TableLog,
  TableSession,
} from '../../../core/decision-table.ts'
import type { InstallationName, TransactionKey } from '../../../core/ids.ts'
import { type Connection, ConnectionLost } from '../connection.ts'
import type { Reply, Request } from '../messages.ts'
import { StatementFailed } from '../statement-failed.ts'

export interface SimulatedTableOptions {
  readonly location: string
  readonly connect: () => Connection
  /** How long a presumption waits for whoever is about to insert the decision. */
  readonly lockTimeoutMs: number
  readonly count: (what: string) => void
}

type ReplyTo<Type extends Reply['type']> = Extract<Reply, { readonly type: Type }>

export class SimulatedDecisionTable implements DecisionTable {
  readonly location: string
  readonly #options: SimulatedTableOptions

  constructor(options: SimulatedTableOptions) {
    this.#options = options
    this.location = options.location
  }

  async prepare(): Promise<void> {
    await this.#once({ type: 'identify' }, 'identity')
  }

  async logs(installation: InstallationName): Promise<readonly TableLog[]> {
    return (await this.#once({ type: 'list-logs', installation }, 'logs')).logs
  }

  async lock(wanted: LockRequest): Promise<TableSession | undefined> {
    const connection = this.#options.connect()
    let session: TableSession | undefined
    try {
      const { log } = await ask(connection, { type: 'lock-slot', wanted }, 'slot')
      session = log && new LockedSlot(log, connection, this.#options.count)
      return session
    } finally {
      if (session === undefined) connection.close()
    }
  }

  async presumeAborted(holder: TableHolder, key: TransactionKey): Promise<DecisionRow> {
    const { lockTimeoutMs } = this.#options
    return (await this.#once({ type: 'presume-aborted', holder, key, lockTimeoutMs }, 'row')).row
  }

  /** Over a connection of its own. */
  async #once<Type extends Reply['type']>(request: Request, type: Type): Promise<ReplyTo<Type>> {
    const connection = this.#options.connect()
    try {
      return await ask(connection, request, type)
    } finally {
      connection.close()
    }
  }
}

class LockedSlot implements TableSession {
  readonly log: TableLog
  onLost: ((cause: unknown) => void) | undefined
  readonly #connection: Connection
  readonly #count: (what: string) => void

  constructor(log: TableLog, connection: Connection, count: (what: string) => void) {
    this.log = log
    this.#connection = connection
    this.#count = count
    connection.onLost = () => {
      count('lock session lost')
      this.onLost?.(new ConnectionLost('the connection was lost, and the slot with it'))
    }
  }

  async read(): Promise<TableContents> {
    return (await ask(this.#connection, { type: 'read-log' }, 'contents')).contents
  }

  async write(change: TableChange): Promise<void> {
    try {
      await ask(this.#connection, { type: 'write-log', change }, 'done')
    } catch (cause) {
      if (cause instanceof ConnectionLost) this.#count('lock session lost during a write')
      throw cause
    }
  }

  async removePresumed(keys: readonly TransactionKey[]): Promise<readonly TransactionKey[]> {
    return (await ask(this.#connection, { type: 'remove-presumed', keys }, 'removed')).keys
  }

  release(): Promise<void> {
    this.onLost = undefined
    this.#connection.close()
    return Promise.resolve()
  }
}

async function ask<Type extends Reply['type']>(
  connection: Connection,
  request: Request,
  type: Type,
): Promise<ReplyTo<Type>> {
  const reply = await connection.request(request)
  if (reply.type === type) return reply as ReplyTo<Type>
  throw new StatementFailed(reply.type === 'refused' ? reply.code : reply.type)
}
