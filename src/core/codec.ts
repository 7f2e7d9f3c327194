/**
 * Bytes in and out: the primitive values that records on disk are made of.
 *
 * Unsigned integers are LEB128 varints (7 bits a byte, low bits first) up to 2^53 - 1; texts are
 * their UTF-8 bytes behind a varint of their length; fixed 32-bit integers are little-endian.
 */
import { invariant } from './invariant.ts'

// Present in every JavaScript runtime, yet in no ECMAScript library: declared as far as it is used.
declare const TextEncoder: new () => {
  encodeInto(text: string, target: Uint8Array): { read: number; written: number }
}
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean },
) => { decode(bytes: Uint8Array): string }

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The bytes do not read as what is asked for. Whoever reads a file turns it into file and offset. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
  /** Bytes from the start of the reader's range. */
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

/** Appends values to a buffer that grows. Reuse one: `clear` keeps its memory. */
export class ByteWriter {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  constructor(capacityBytes = 1024) {
    this.#bytes = new Uint8Array(capacityBytes)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#length
  }

  clear(): void {
    this.#length = 0
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  varint(value: number): void {
    invariant(Number.isSafeInteger(value) && value >= 0, 'codec', 'not an unsigned integer', value)
    this.#reserve(8)
    let rest = value
    while (rest > 127) {
      this.#bytes[this.#length++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest
  }

  fixed32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }

  /** Overwrites a fixed 32-bit integer that was written before. */
  patchFixed32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true)
  }

  text(value: string): void {
    // UTF-8 needs at most three bytes for each UTF-16 unit.
    this.#reserve(8 + value.length * 3)
    if (this.#shortAscii(value)) return
    const room = this.#bytes.subarray(this.#length + 8)
    const { written } = encoder.encodeInto(value, room)
    this.varint(written)
    this.#bytes.copyWithin(this.#length, room.byteOffset, room.byteOffset + written)
    this.#length += written
  }

  /** Appends what another writer holds; short as records are, a view of it would cost more. */
  append(other: ByteWriter): void {
    this.#reserve(other.#length)
    for (let index = 0; index < other.#length; index += 1) {
      this.#bytes[this.#length + index] = other.#bytes[index] as number
    }
    this.#length += other.#length
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** What was written so far; a view, valid until the next write. */
  view(from = 0): Uint8Array {
    return this.#bytes.subarray(from, this.#length)
  }

  /** Writes a text as most are, faster; false, with nothing written, where it is another. */
  #shortAscii(value: string): boolean {
    if (value.length > 127) return false
    const start = this.#length + 1
    for (let index = 0; index < value.length; index += 1) {
      const unit = value.charCodeAt(index)
      if (unit > 127) return false
      this.#bytes[start + index] = unit
    }
    this.#bytes[this.#length] = value.length
    this.#length = start + value.length
    return true
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/** Reads values in the order in which they were written; throws `DecodeError`. */
export class ByteReader {
  readonly #bytes: Uint8Array
  #offset: number

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes
    this.#offset = offset
  }

  get offset(): number {
    return this.#offset
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset
  }

  byte(): number {
    const value = this.#bytes[this.#offset]
    if (value === undefined) throw new DecodeError('the bytes end too early', this.#offset)
    this.#offset += 1
    return value
  }

  varint(): number {
    const start = this.#offset
    let value = 0
    let scale = 1
    for (let count = 0; count < 8; count += 1) {
      const byte = this.byte()
      value += (byte % 128) * scale
      if (byte < 128) {
        if (!Number.isSafeInteger(value)) break
        return value
      }
      scale *= 128
    }
    throw new DecodeError('an integer is longer than 53 bits', start)
  }

  fixed32(): number {
    const bytes = this.raw(4)
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
  }

  text(): string {
    const start = this.#offset
    const text = utf8(this.raw(this.varint()))
    if (text === undefined) throw new DecodeError('a text is not UTF-8', start)
    return text
  }

  raw(length: number): Uint8Array {
    if (length > this.remaining) throw new DecodeError('the bytes end too early', this.#offset)
    this.#offset += length
    return this.#bytes.subarray(this.#offset - length, this.#offset)
  }
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}
