/**
 * What the driver writes piece by piece, put together into one piece: one write to the socket costs
 * less than the ten or twenty that a message of several statements has.
 */

import { joined } from '../sql/joined.ts'

/** The driver's stream, as far as its protocol layer writes to it. */
interface Writing {
  readonly writable?: boolean
  write(bytes: Uint8Array): unknown
}

/** The protocol's own layer, whose methods write to its `stream`. */
export interface WritingWire {
  stream: Writing
}

/** A Sync: the end of a message, for the server to answer with its status. */
const sync = Uint8Array.of(0x53, 0, 0, 0, 4)

/**
 * Stands in for the stream of a connection until it is closed, in one turn of the event loop: a copy
 * of the protocol layer that writes elsewhere would make each of its calls slow.
 */
export class Message implements Writing {
  readonly writable = true
  readonly #wire: WritingWire
  readonly #stream: Writing
  readonly #pieces: Uint8Array[] = []

  constructor(wire: WritingWire) {
    this.#wire = wire
    this.#stream = wire.stream
    wire.stream = this
  }

  /** Called by the protocol layer. */
  write(bytes: Uint8Array): boolean {
    // Each of the driver's queries ends itself with a Sync; theirs are left out, and one ends them all.
    if (!isSync(bytes)) this.#pieces.push(bytes)
    return true
  }

  /** A copy of what was written since a mark, as one piece. */
  since(mark: number): Uint8Array {
    return joined(this.#pieces.slice(mark)).slice()
  }

  get mark(): number {
    return this.#pieces.length
  }

  /** Gives the connection its stream back, and writes all of it there, with a Sync behind. */
  send(): void {
    const stream = this.#stream
    this.#wire.stream = stream
    this.#pieces.push(sync)
    // A connection that is gone tells of it by its events.
    if (stream.writable !== false) stream.write(joined(this.#pieces))
  }
}

function isSync(bytes: Uint8Array): boolean {
  return bytes.length === sync.length && bytes[0] === sync[0]
}
