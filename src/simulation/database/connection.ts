/** The client's end of a connection to a simulated database: requests and their replies, in order. */
import type { BranchId } from '../../core/ids.ts'
import type { Network } from '../network/network.ts'
import type { Wire } from '../network/wire.ts'
import type { Actor } from '../scheduler.ts'
import type { Database } from './database.ts'
import { type Reply, type Request, wordsOf } from './messages.ts'
import { Session } from './session.ts'

/** The connection is gone: what was asked last may have been carried out. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
  readonly code = 'ECONNRESET'
}

interface Awaited {
  readonly resolve: (reply: Reply) => void
  readonly reject: (lost: ConnectionLost) => void
}

export class Connection {
  /** By which another connection can end its session. */
  readonly pid: number
  readonly #network: Network
  readonly #database: Database
  readonly #wire: Wire
  readonly #awaited: Awaited[] = []
  /** Called once, when the client learns that it is gone; not when it hangs up itself. */
  onLost: (() => void) | undefined
  #session: Session | undefined
  #isLost = false
  /** The server has seen that it is over: what its client still sends finds nobody. */
  #isServerGone = false

  constructor(network: Network, client: Actor, database: Database) {
    this.#network = network
    this.#database = database
    this.pid = database.nextPid()
    this.#wire = network.connect(client, database.life)
    this.#wire.onClientLost = () => {
      this.#lose()
      this.onLost?.()
    }
    this.#wire.onServerLost = () => {
      this.#isServerGone = true
      this.#session?.end()
    }
    if (database.life.isDead) this.#wire.break()
  }

  /** Whether the client knows that it is gone. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Rejects with `ConnectionLost` when the connection goes before the reply comes. */
  request(request: Request): Promise<Reply> {
    if (this.#isLost) return Promise.reject(new ConnectionLost('the connection was lost before'))
    return new Promise((resolve, reject) => {
      const awaited: Awaited = { resolve, reject }
      this.#awaited.push(awaited)
      const { name } = this.#wire.client
      this.#wire.toServer(`${this.#database.name}: ${wordsOf(request)}`, () => {
        if (this.#isServerGone || this.#database.isKilled(this.pid)) return
        this.#session ??= new Session(this.#database, this.#wire, this.pid)
        this.#database.note(`is asked by ${name}: ${wordsOf(request)}`)
        this.#session.take(request, (reply) => this.#reply(awaited, reply))
      })
    })
  }

  /** A branch is told next to take its decision along; the answer is to be called with that. */
  aboutToDecide(id: BranchId): () => void {
    return this.#network.onDecision?.(this.#wire, id) ?? (() => undefined)
  }

  /** Hangs up, at once and without a word of what is under way. */
  close(): void {
    this.#wire.close()
    this.#lose()
  }

  #reply(awaited: Awaited, reply: Reply): void {
    this.#wire.toClient(() => {
      this.#awaited.splice(this.#awaited.indexOf(awaited), 1)
      awaited.resolve(reply)
    })
  }

  #lose(): void {
    this.#isLost = true
    for (const { reject } of this.#awaited.splice(0)) {
      reject(new ConnectionLost('the connection was lost'))
    }
  }
}
