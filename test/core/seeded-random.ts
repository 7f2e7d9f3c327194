/** The port `Random` from one seed, for properties that are tried on many made-up values. */
import type { Random } from '../../src/core/ports.ts'

/** A generator of 32-bit numbers (Marsaglia's xorshift); the seed must not be 0. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  return {
    fraction: () => next() / 2 ** 32,
    fill: (bytes) => {
      for (let index = 0; index < bytes.length; index += 1) bytes[index] = next() >>> 11
    },
  }
}
