/** The limits of an examination, with their defaults. All times are milliseconds. */
import { AssentError } from '../core/errors.ts'

export interface DoctorOptions {
  /** How long each part of the examination may take; default 10,000. */
  readonly limitMs?: number
  /** How long others may keep a transaction prepared; default one hour. */
  readonly strangerAgeMs?: number
  /** The same for our own; by default what the coordinator's settings explain. */
  readonly ownAgeMs?: number
  /** How far the clocks of a server and of this machine may be apart; default 5,000. */
  readonly clockSkewMs?: number
}

export type DoctorLimits = Required<DoctorOptions>

const defaults = { limitMs: 10_000, strangerAgeMs: 3_600_000, clockSkewMs: 5_000 }
const longestMs = 2_147_483_647

/** The settings that explain why a branch of ours is prepared for so long. */
interface Explaining {
  readonly timeoutMs: number
  readonly deliveryTimeoutMs: number
  readonly backOffMaxMs: number
  readonly sweepIntervalMs: number
  readonly orphanIntervalMs: number
}

/**
 * From its vote to its end a branch waits for the decision at most `timeoutMs`; an orphan waits for
 * the sweep and the interval; either may have one attempt that hangs, and one pause.
 */
export function ownAgeFrom(settings: Explaining): number {
  const { timeoutMs, deliveryTimeoutMs, backOffMaxMs, sweepIntervalMs, orphanIntervalMs } = settings
  return timeoutMs + deliveryTimeoutMs + backOffMaxMs + sweepIntervalMs + orphanIntervalMs
}

/** Fills in the defaults. Throws `ASSENT_INVALID_OPTION`. */
export function limitsFrom(options: DoctorOptions, settings: Explaining): DoctorLimits {
  const limits: DoctorLimits = { ...defaults, ownAgeMs: ownAgeFrom(settings) }
  for (const [option, value] of Object.entries(options)) {
    if (!Object.hasOwn(limits, option)) throw invalid(option, 'is no option of doctor')
    if (value === undefined) continue
    if (!(typeof value === 'number' && value > 0 && value <= longestMs)) {
      throw invalid(option, `must be a number above 0 and at most ${longestMs}`)
    }
    Object.assign(limits, { [option]: value })
  }
  return limits
}

function invalid(option: string, problem: string): AssentError {
  return new AssentError('ASSENT_INVALID_OPTION', `${option} ${problem}`, { option })
}
