/**
 * A connection: what one end sends arrives at the other in order, once, or the connection breaks.
 *
 * When it breaks, what was on its way may still arrive, up to any message; and each end learns of it
 * at a time of its own. So a request can be carried out after its client has given it up.
 */
import type { SeededRandom } from '../random.ts'
import type { Actor, Place, Scheduler } from '../scheduler.ts'
import { messageLifeMaxMs, type NetworkConditions } from './conditions.ts'

/** What carries the messages. */
export interface Carrier {
  readonly random: SeededRandom
  readonly scheduler: Scheduler
  readonly conditions: NetworkConditions
  delayMs(): number
  /** Until when two places are cut off from each other. */
  cutUntilMs(one: Place, other: Place): number
  forget(wire: Wire): void
  fault(fault: 'connection broken', place: Place, what: string): void
}

/** One direction of a connection. */
interface Lane {
  readonly to: Place
  sent: number
  delivered: number
  /** Messages after this one never arrive. */
  last: number
  /** When the latest message arrives: none overtakes it. */
  arrivalMs: number
}

/** How long an end may go without noticing that the other is gone. */
const noticeMs: readonly [soon: number, late: number] = [30, 1_500]
const lateNoticeChance = 0.15

export class Wire {
  readonly client: Actor
  readonly server: Place
  readonly #network: Carrier
  readonly #toServer: Lane
  readonly #toClient: Lane
  #isOpen = true
  /** Called at each end, once, when it learns that the connection is gone. */
  onClientLost: (() => void) | undefined
  onServerLost: (() => void) | undefined

  constructor(network: Carrier, client: Actor, server: Place) {
    this.#network = network
    this.client = client
    this.server = server
    this.#toServer = laneTo(server)
    this.#toClient = laneTo(client)
  }

  /** Whether messages are still taken. An end may not have learnt yet that they are not. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  toServer(what: string, deliver: () => void): void {
    if (this.client.act(what)) this.#send(this.#toServer, deliver)
  }

  toClient(deliver: () => void): void {
    if (!this.server.isDead) this.#send(this.#toClient, deliver)
  }

  /** What is sent from now on, to or from the server, arrives no sooner than after `forMs`. */
  stall(what: 'requests' | 'answers', forMs: number): void {
    const lane = what === 'requests' ? this.#toServer : this.#toClient
    const untilMs = this.#network.scheduler.nowMs + Math.min(forMs, messageLifeMaxMs)
    lane.arrivalMs = Math.max(lane.arrivalMs, untilMs)
  }

  /** The client hangs up: the server learns of it after all that was sent before. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#network.forget(this)
    this.onClientLost = undefined
    this.#toClient.last = this.#toClient.delivered
    this.#send(this.#toServer, () => this.onServerLost?.())
  }

  /** Torn at any place, at any time. */
  break(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    const { scheduler, random } = this.#network
    this.#network.forget(this)
    for (const lane of [this.#toServer, this.#toClient]) {
      lane.last = random.chance(0.5) ? lane.sent : random.integer(lane.delivered, lane.sent)
    }
    const notice = (lane: Lane, lost: () => void): void => {
      const [soon, late] = noticeMs
      const afterMs = random.between(0, random.chance(lateNoticeChance) ? late : soon)
      const restMs = Math.max(0, lane.arrivalMs - scheduler.nowMs)
      scheduler.after(restMs + afterMs, lost, lane.to)
    }
    notice(this.#toServer, () => this.onServerLost?.())
    notice(this.#toClient, () => this.onClientLost?.())
  }

  #send(lane: Lane, deliver: () => void): void {
    const { scheduler, random, conditions } = this.#network
    const isClosing = !this.#isOpen
    if (isClosing && lane !== this.#toServer) return
    lane.sent += 1
    const number = lane.sent
    if (isClosing) lane.last = number
    // A cut holds messages back: they are sent again until it ends.
    const cutMs = Math.max(0, this.#network.cutUntilMs(this.client, this.server) - scheduler.nowMs)
    const delayMs = Math.min(cutMs + this.#network.delayMs(), messageLifeMaxMs)
    const arrivalMs = Math.max(lane.arrivalMs, scheduler.nowMs + delayMs)
    lane.arrivalMs = arrivalMs
    scheduler.after(
      arrivalMs - scheduler.nowMs,
      () => {
        if (number > lane.last) return
        lane.delivered = number
        deliver()
      },
      lane.to,
    )
    if (isClosing || !random.chance(conditions.breakChance)) return
    this.#network.fault(
      'connection broken',
      this.client,
      `loses its connection to ${this.server.name}`,
    )
    this.break()
  }
}

function laneTo(to: Place): Lane {
  return { to, sent: 0, delivered: 0, last: Number.POSITIVE_INFINITY, arrivalMs: 0 }
}
