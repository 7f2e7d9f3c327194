/** Options of participants: each is checked once, and refused by name. */
import { AssentError } from '../../core/errors.ts'

/** Throws `ASSENT_INVALID_OPTION`. */
export function refuseOption(option: string, message: string): never {
  throw new AssentError('ASSENT_INVALID_OPTION', message, { option })
}

export function refuseUnknown(kind: string, options: object, known: ReadonlySet<string>): void {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) refuseOption(name, `${kind}: there is no option ${JSON.stringify(name)}`)
  }
}

/** A whole number from 1 to `max`. */
export function readCount(kind: string, name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  return refuseOption(name, `${kind}: ${name} is ${String(value)}; it takes 1 to ${max}`)
}
