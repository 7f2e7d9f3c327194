/** Pieces of a message as one: a write to the socket is what costs most of sending it. */

/** Messages are cut from slabs: an array of its own for each would cost more than to fill it. */
const slabBytes = 65_536
let slab = new Uint8Array(slabBytes)
let slabUsed = 0

/** A copy of the pieces, one behind the other; nobody else will write to it. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
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
