/**
 * Rows of the decision tables as texts: keys as transaction ids show them, bytes in hexadecimal,
 * because what a driver's type parsers make of other types is the user's to choose.
 */
import type { DecisionRow, NamedRecord } from '../../../core/decision-table.ts'
import type { LogIdentity, TransactionKey } from '../../../core/ids.ts'

type Fields = Readonly<Record<string, unknown>>

/** `3.1f`: the epoch and the counter, as transaction ids end with them. */
export function textOfKey({ epoch, counter }: TransactionKey): string {
  return `${epoch.toString(36)}.${counter.toString(36)}`
}

/** Throws for any other text. */
export function readKey(text: string): TransactionKey {
  const [epoch = Number.NaN, counter = Number.NaN] = text
    .split('.')
    .map((part) => Number.parseInt(part, 36))
  const key = { epoch, counter }
  if (textOfKey(key) !== text) throw new Error(`${text} is the key of no transaction`)
  return key
}

const digits: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
)

/** As `decode(..., 'hex')` reads it. */
export function hexOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += digits[byte]
  return text
}

/** As PostgreSQL reads a `bytea`: `\x00ff`. */
export function textOfBytes(bytes: Uint8Array): string {
  return `\\x${hexOf(bytes)}`
}

/** The bytes of `encode(..., 'hex')`. */
export function readBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2)
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16)
  }
  return bytes
}

/** Of the columns `transaction`, `decision` and `record`, the last in hexadecimal. */
export function readDecision(log: LogIdentity, fields: Fields): DecisionRow {
  const { decision } = fields
  if (decision !== 'committed' && decision !== 'aborted') {
    throw new Error(`${String(decision)} is no decision`)
  }
  return {
    log,
    transaction: readKey(String(fields.transaction)),
    decision,
    record: readBytes(String(fields.record)),
  }
}

/** Of the columns `name` and `record`, the last in hexadecimal. */
export function readRecord({ name, record }: Fields): NamedRecord {
  return { name: String(name), record: readBytes(String(record)) }
}
