/** Programs that speak as the peers in Java do, or nearly: see `peer-process.ts`. */
import { fileURLToPath } from 'node:url'
import type { PeerProgram } from '../../bench/peers/peer.ts'

const program = fileURLToPath(new URL('peer-process.ts', import.meta.url))

/** What such a program does when it is told to run something. */
export type Behaviour = 'lies' | 'fails' | 'dies' | 'mumbles' | 'does-not-start' | 'lingers'

export function fakePeer(behaviour: Behaviour): PeerProgram {
  return { name: behaviour, program: process.execPath, arguments: [program, behaviour] }
}
