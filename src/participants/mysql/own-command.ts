/**
 * A statement of ours without rows, as a command of the driver's: what begins and ends a branch.
 *
 * It does what the driver's own query object would do, without that object's parsers, options and
 * events. Keeps A5: done is only what the server's OK to this very statement says.
 */
import type { MysqlHeader } from './driver.ts'
import type { DriverPacket, PipelineCommand, Wire } from './wire.ts'

/** What a statement of ours was answered: the server's OK, or its error. */
export type Outcome =
  | { readonly header: MysqlHeader; readonly error?: undefined }
  | { readonly header?: undefined; readonly error: unknown }

export interface OwnCommandOptions {
  /** ASCII, which is the same in every character set that a client can have. */
  readonly text: string
  /** Looks at the OK as it comes; throws what makes it worthless. */
  readonly accept?: (header: MysqlHeader) => void
  /** Whether all else that was sent is void without it: the connection is then closed. */
  readonly isVital?: boolean
  /** Whether what follows it is written only when it was answered. */
  readonly isAwaited?: boolean
}

const queryCode = 3
const headerBytes = 4
/** Of the first packet of an answer. */
const firstSequenceId = 1

export class OwnCommand implements PipelineCommand {
  readonly text: string
  readonly isVital: boolean
  readonly isAwaited: boolean
  outcome: Outcome | undefined
  readonly #accept: ((header: MysqlHeader) => void) | undefined

  constructor({ text, accept, isVital = false, isAwaited = false }: OwnCommandOptions) {
    this.text = text
    this.isVital = isVital
    this.isAwaited = isAwaited
    this.#accept = accept
  }

  execute(packet: DriverPacket | undefined, wire: Wire): boolean {
    if (packet === undefined) {
      wire.write(queryPacket(this.text))
      return false
    }
    if (packet.sequenceId !== firstSequenceId) throw misread(this.text)
    if (packet.isError()) {
      this.outcome = { error: packet.asError(wire.clientEncoding) }
      return true
    }
    const header = readOk(packet)
    if (header === undefined) throw misread(this.text)
    this.#accept?.(header)
    this.outcome = { header }
    return true
  }
}

/** What came is no answer to it: then nothing is known of what stands behind it either. */
function misread(text: string): Error {
  return new Error(`what was answered to "${text}" is not the server's OK`)
}

function queryPacket(text: string): Uint8Array {
  const sizeBytes = text.length + 1
  const bytes = new Uint8Array(headerBytes + sizeBytes)
  bytes[0] = sizeBytes & 0xff
  bytes[1] = (sizeBytes >> 8) & 0xff
  bytes[2] = sizeBytes >> 16
  bytes[headerBytes] = queryCode
  for (let at = 0; at < text.length; at += 1) bytes[headerBytes + 1 + at] = text.charCodeAt(at)
  return bytes
}

/** The OK packet: a zero, the rows that were changed, an id, the status, the number of warnings. */
function readOk({ buffer, start }: DriverPacket): MysqlHeader | undefined {
  let at = start + headerBytes
  if (buffer[at] !== 0) return undefined
  at += 1
  const affectedRows = readLength(buffer, at)
  at += lengthBytes(buffer, at)
  at += lengthBytes(buffer, at)
  const serverStatus = shortAt(buffer, at)
  return { affectedRows, serverStatus, warningStatus: shortAt(buffer, at + 2) }
}

function shortAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
}

/** How many bytes a number takes, by its first. */
function lengthBytes(bytes: Uint8Array, at: number): number {
  switch (bytes[at]) {
    case 0xfc:
      return 3
    case 0xfd:
      return 4
    case 0xfe:
      return 9
    default:
      return 1
  }
}

function readLength(bytes: Uint8Array, at: number): number {
  const sizeBytes = lengthBytes(bytes, at)
  if (sizeBytes === 1) return bytes[at] ?? 0
  let value = 0
  for (let index = sizeBytes - 1; index > 0; index -= 1) {
    value = value * 256 + (bytes[at + index] ?? 0)
  }
  return value
}
