/**
 * What the driver writes piece by piece, put together into one piece: one write to the socket costs
 * less than the ten or twenty that a message of several statements has.
 */

/** The driver's stream, as far as its protocol layer writes to it. */
interface Writing {
  readonly writable?: boolean
  write(bytes: Uint8Array): unknown
}

/** The protocol's own layer, whose methods write to its `stream`. */
export interface WritingWire {
  readonly stream: Writing
}

/** A Sync: the end of a message, for the server to answer with its status. */
const sync = Uint8Array.of(0x53, 0, 0, 0, 4)

/** Messages are cut from slabs: an array of its own for each would cost more than to fill it. */
const slabBytes = 65_536
let slab = new Uint8Array(slabBytes)
let slabUsed = 0

/** Gathers what is written through `wire`, a copy of the protocol layer that writes here. */
export class Message {
  readonly wire: object
  readonly #target: WritingWire
  #pieces: Uint8Array[] = []

  constructor(target: WritingWire) {
    this.#target = target
    const stream: Writing = { writable: true, write: (bytes) => this.#pieces.push(bytes) > 0 }
    this.wire = Object.create(target, {
      stream: { value: stream },
      // Each of the driver's queries ends itself with one; theirs are left out, and one ends them all.
      sync: { value: () => undefined },
    })
  }

  /** Adds bytes that were kept from before. */
  add(bytes: Uint8Array): void {
    this.#pieces.push(bytes)
  }

  /** A copy of what was gathered since a mark, as one piece. */
  since(mark: number): Uint8Array {
    return joined(this.#pieces.slice(mark)).slice()
  }

  get mark(): number {
    return this.#pieces.length
  }

  /** Writes all of it, with a Sync behind; then it is empty, for the next message. */
  send(): void {
    this.#pieces.push(sync)
    const bytes = joined(this.#pieces)
    this.#pieces = []
    const { stream } = this.#target
    // A connection that is gone tells of it by its events.
    if (stream.writable !== false) stream.write(bytes)
  }
}

const messages = new WeakMap<WritingWire, Message>()

/** The empty message of a connection: one is put together at a time. */
export function messageOf(wire: WritingWire): Message {
  const known = messages.get(wire)
  if (known !== undefined) return known
  const made = new Message(wire)
  messages.set(wire, made)
  return made
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  let sizeBytes = 0
  for (const piece of pieces) sizeBytes += piece.length
  const bytes = room(sizeBytes)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/** Bytes that nobody else will write to; a slab that is used up stays as long as a part of it. */
function room(sizeBytes: number): Uint8Array {
  if (sizeBytes > slabBytes / 4) return new Uint8Array(sizeBytes)
  if (slabUsed + sizeBytes > slabBytes) {
    slab = new Uint8Array(slabBytes)
    slabUsed = 0
  }
  const at = slabUsed
  slabUsed += sizeBytes
  return slab.subarray(at, slabUsed)
}
