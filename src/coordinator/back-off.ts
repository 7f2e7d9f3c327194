/**
 * The pause between two attempts. Keeps A10: it is capped, and there is always a next attempt.
 */
import type { Random } from '../core/ports.ts'

/**
 * The pause before attempt `attempts + 1`, in milliseconds: doubled with each attempt up to `maxMs`,
 * then between half and all of it, so that many branches that failed together do not return
 * together. It never grows beyond the cap and never gives up (A10).
 */
export function backOffMs(
  attempts: number,
  { firstMs, maxMs }: { readonly firstMs: number; readonly maxMs: number },
  random: Random,
): number {
  const doubled = firstMs * 2 ** Math.min(attempts - 1, 30)
  return Math.min(doubled, maxMs) * (0.5 + random.fraction() / 2)
}
