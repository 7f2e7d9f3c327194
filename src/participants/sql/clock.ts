/** How far a server's clock is ahead of this machine's. */
import type { Clock } from '../../core/ports.ts'
import type { Diagnosis } from '../contract.ts'

const rounds = 3

/**
 * Asks a few times and keeps the answer that came soonest: it was given somewhere in its round trip,
 * so half of that is the uncertainty (Cristian, 1989). `ask` answers milliseconds since the epoch.
 */
export async function compareClocks(
  clock: Clock,
  ask: () => Promise<number>,
): Promise<Diagnosis['clock']> {
  let best: Diagnosis['clock']
  for (let round = 0; round < rounds; round += 1) {
    const startedMs = clock.monotonicMs()
    const sentMs = clock.wallMs()
    const serverMs = await ask()
    const uncertaintyMs = (clock.monotonicMs() - startedMs) / 2
    if (!Number.isFinite(serverMs)) return undefined
    if (best !== undefined && best.uncertaintyMs <= uncertaintyMs) continue
    best = { aheadMs: serverMs - (sentMs + uncertaintyMs), uncertaintyMs }
  }
  return best
}
