/** What every place with room for several logs is told: whose they are, how many, how much they keep. */
import { AssentError } from '../core/errors.ts'
import { type InstallationName, isInstallationName } from '../core/ids.ts'

export const slotsDefault = 64
const slotsMax = 1000
export const retentionDefault: Required<NonNullable<SharingOptions['retention']>> = {
  ms: 24 * 3_600_000,
  bytes: 64 * 1024 * 1024,
}

export interface SharingOptions {
  /** `[a-z0-9-]`, 1 to 20 characters. */
  readonly installation: string
  /** How many processes may share the place: 1 to 1000, by default 64. */
  readonly slots?: number
  /** How long outcomes can be asked for: by default 24 hours, within 64 MiB. */
  readonly retention?: { readonly ms?: number; readonly bytes?: number }
}

export interface Sharing {
  readonly installation: InstallationName
  readonly slots: number
  readonly retention: typeof retentionDefault
}

/** Throws `ASSENT_INVALID_OPTION`. */
export function readSharing({
  installation,
  slots = slotsDefault,
  retention: given,
}: SharingOptions): Sharing {
  const retention = { ...retentionDefault, ...given }
  if (!isInstallationName(installation)) {
    throw invalid('name', `'${installation}' is no name: use 1 to 20 of a-z, 0-9 and '-'.`)
  }
  check(isWithin(slots, 1, slotsMax), 'slots', `Slots must be 1 to ${slotsMax}, not ${slots}.`)
  check(retention.ms >= 0, 'retention.ms', 'The time of retention must be 0 ms or more.')
  check(retention.bytes >= 0, 'retention.bytes', 'The bytes of retention must be 0 or more.')
  return { installation, slots, retention }
}

export function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max
}

/** Throws `ASSENT_INVALID_OPTION` unless it holds. */
export function check(holds: boolean, option: string, message: string): void {
  if (!holds) throw invalid(option, message)
}

function invalid(option: string, message: string): AssentError {
  return new AssentError('ASSENT_INVALID_OPTION', message, { option })
}
