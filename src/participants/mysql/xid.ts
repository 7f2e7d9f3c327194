/**
 * The XA id of a branch: how it is written, and read back exactly (A7).
 *
 *     assent.shop.7k2m9q4w8x1zc.3.1f     the global part: the transaction
 *     0.5d1f0c2a                         the branch's own: its number, and a hash of its database
 *     1095978580                         the format: `ASNT`
 *
 * A server lists the prepared branches of all its databases; the hash tells those of ours apart. Both
 * parts keep to the alphabet of branch ids and to 64 bytes (MY-6).
 */
import { type BranchId, parseBranchId } from '../../core/ids.ts'
import { invariant } from '../../core/invariant.ts'

const formatId = 1_095_978_580
const partBytesMax = 64

/** A row of XA RECOVER. */
export interface RecoveredXid {
  readonly format: number
  readonly gtrid: Uint8Array
  readonly bqual: Uint8Array
}

/** As XA statements take it: `'global','branch',format`. */
export function xidOf(id: BranchId, database: string): string {
  const cut = id.lastIndexOf('.')
  const parts = [id.slice(0, cut), `${id.slice(cut + 1)}.${hashOf(database)}`]
  for (const part of parts) {
    const isSafe = part.length <= partBytesMax && /^[a-z0-9.-]+$/.test(part)
    invariant(isSafe, 'A7', 'an id that is no XA id', id)
  }
  return `'${parts[0]}','${parts[1]}',${formatId}`
}

/** The branch id of an xid of that database; undefined for every other. */
export function branchIdOf(found: RecoveredXid, database: string): BranchId | undefined {
  if (found.format !== formatId) return undefined
  const match = /^([0-9a-z]{1,2})\.([0-9a-f]{8})$/.exec(textOf(found.bqual))
  if (match === null || match[2] !== hashOf(database)) return undefined
  const id = `${textOf(found.gtrid)}.${match[1]}`
  return parseBranchId(id) === undefined ? undefined : (id as BranchId)
}

/** Whether some database's branch of Assent has it. */
export function isOfAssent({ format }: RecoveredXid): boolean {
  return format === formatId
}

/** Any xid as a person can write it into an XA statement. */
export function shownXid({ format, gtrid, bqual }: RecoveredXid): string {
  const parts = [gtrid, bqual].map((bytes) => {
    const text = textOf(bytes)
    return /^[\w.:@/+ -]*$/.test(text) ? `'${text}'` : `X'${hexOf(bytes)}'`
  })
  return `${parts.join(',')},${format}`
}

/** A row of `XA RECOVER`, with its bytes as such (MariaDB) or as `0x...` (MySQL, CONVERT XID). */
export function readXid(row: Readonly<Record<string, unknown>>): RecoveredXid {
  const bytes = bytesOf(row.data)
  const length = Number(row.gtrid_length)
  return {
    format: Number(row.formatID),
    gtrid: bytes.slice(0, length),
    bqual: bytes.slice(length, length + Number(row.bqual_length)),
  }
}

function bytesOf(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data
  const text = String(data)
  const hex = /^0x((?:[0-9a-f]{2})*)$/i.exec(text)?.[1]
  if (hex === undefined) return Uint8Array.from(text, (character) => character.charCodeAt(0))
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** FNV-1a over the name's characters: it tells the databases of one server apart, no more. */
function hashOf(database: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < database.length; at += 1) {
    hash = Math.imul(hash ^ database.charCodeAt(at), 0x01000193)
  }
  return (hash >>> 0).toString(16).padStart(8, '0')
}
