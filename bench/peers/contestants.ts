/** The peers, as contestants between the same two databases. */
import { join } from 'node:path'
import type { Contestant, OpenContestant } from '../commit/contestant.ts'
import { Peer, type PeerProgram } from './peer.ts'

/**
 * Narayana with its journal, which is what it offers for speed; with a file a transaction, which is what
 * it does unless it is told otherwise; Atomikos.
 */
export const peerNames = ['narayana', 'narayana-files', 'atomikos'] as const
export type PeerName = (typeof peerNames)[number]

export interface PeerPlace {
  readonly java: string
  readonly jar: string
}

export function programOf(
  name: PeerName,
  { java, jar }: PeerPlace,
  directory: string,
): PeerProgram {
  return { name, program: java, arguments: ['-jar', jar, name, join(directory, 'log')] }
}

/** It has pools of its own, as large as those that the others share. */
export function peerContestant(name: PeerName, place: PeerPlace): OpenContestant {
  return ({ bank, directory }) => {
    const environment = {
      ASSENT_BENCH_LEFT: bank.left.url,
      ASSENT_BENCH_RIGHT: bank.right.url,
      ASSENT_BENCH_CONNECTIONS: `${bank.connections}`,
    }
    return openPeer({ ...programOf(name, place, directory), environment })
  }
}

/** Any program that speaks as the peers do; the money is counted after each of its turns. */
export async function openPeer(program: PeerProgram): Promise<Contestant> {
  const peer = await Peer.start(program)
  return { ...peer.entrant('transfer'), close: () => peer.end() }
}
