/** The numbers that the coordinator lives by, with their defaults. All times are milliseconds. */
import { AssentError } from '../core/errors.ts'

export interface Settings {
  /** From begin to the decision; afterwards it changes nothing. */
  readonly timeoutMs: number
  /** How long a caller waits, once decided, for the branches to acknowledge. */
  readonly settleWaitMs: number
  /** Transactions begun and not yet concluded; beyond it `ASSENT_OVERLOADED`. */
  readonly maxActive: number
  /** Branches of one resource that may be prepared at once, where the resource sets no limit. */
  readonly maxPrepared: number
  /** One attempt to deliver a decision; then it is asked again. */
  readonly deliveryTimeoutMs: number
  /** The first and the longest pause between attempts; doubled each time, with jitter. */
  readonly backOffFirstMs: number
  readonly backOffMaxMs: number
  /** Between two looks for prepared branches of ours at each resource. */
  readonly sweepIntervalMs: number
  /** Between the sighting of an orphan and its rollback, at least (A7). */
  readonly orphanIntervalMs: number
  /** Between two looks for logs whose process died. */
  readonly adoptIntervalMs: number
  /** Between two checks of a resource that is not ready. */
  readonly checkIntervalMs: number
}

export const defaultSettings: Settings = {
  timeoutMs: 30_000,
  settleWaitMs: 2_000,
  maxActive: 10_000,
  maxPrepared: 1_000,
  deliveryTimeoutMs: 10_000,
  backOffFirstMs: 50,
  backOffMaxMs: 15_000,
  sweepIntervalMs: 10_000,
  orphanIntervalMs: 5_000,
  adoptIntervalMs: 5_000,
  checkIntervalMs: 2_000,
}

const counts: ReadonlySet<string> = new Set(['maxActive', 'maxPrepared'])

/** The longest time that a timer of any platform takes: 2^31 - 1 ms, about 24 days. */
const longestMs = 2_147_483_647

/** Fills in the defaults. Throws `ASSENT_INVALID_OPTION` for anything but a usable number. */
export function settingsFrom(given: Partial<Record<keyof Settings, unknown>>): Settings {
  const settings: Record<string, number> = {}
  for (const [name, fallback] of Object.entries(defaultSettings)) {
    const value = given[name as keyof Settings]
    settings[name] = value === undefined ? fallback : setting(name, value)
  }
  return settings as unknown as Settings
}

function setting(name: string, value: unknown): number {
  if (name === 'settleWaitMs') return limitOrNone(name, value)
  const number = positiveNumber(name, value)
  if (!counts.has(name) || Number.isInteger(number)) return number
  throw invalid(name, `${name} must be a whole number, not ${number}`)
}

/** Like `positiveNumber`, and 0 for not waiting at all. */
export function limitOrNone(option: string, value: unknown): number {
  return value === 0 ? 0 : positiveNumber(option, value)
}

/** A number of milliseconds, or a count, that is usable; else `ASSENT_INVALID_OPTION`. */
export function positiveNumber(option: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0 && value <= longestMs) {
    return value
  }
  const range = `a number above 0 and at most ${longestMs}`
  throw invalid(option, `${option} must be ${range}, not ${String(value)}`)
}

function invalid(option: string, message: string): AssentError {
  return new AssentError('ASSENT_INVALID_OPTION', message, { option })
}
