/** Who did something by hand, and why: checked before anything is asked. */
import { type Signature, signatureLimits } from '../../log/contract.ts'
import type { Arguments } from '../arguments.ts'
import { UsageError } from '../failures.ts'

export function readSignature(given: Arguments): Signature {
  return { by: read(given, 'by'), reason: read(given, 'reason') }
}

function read(given: Arguments, name: keyof Signature): string {
  const text = given.text(name)?.trim() ?? ''
  if (text !== '' && text.length <= signatureLimits[name]) return text
  throw new UsageError(`--${name} takes a text of 1 to ${signatureLimits[name]} characters`)
}
