/** The port Random over Node: identities from the system's cryptographic source. */
import { randomFillSync } from 'node:crypto'
import type { Random } from '../core/ports.ts'

export function nodeRandom(): Random {
  return {
    fraction: () => Math.random(),
    fill: (bytes) => {
      randomFillSync(bytes)
    },
  }
}
