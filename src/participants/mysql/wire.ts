/** mysql2's connection as its commands see it: more than its types tell, and all of it looked for. */
import type { MysqlCallback, MysqlConnection } from './driver.ts'

/** A packet as the driver reads it; the same object is used for the next one. */
export interface DriverPacket {
  readonly buffer: Uint8Array
  /** Where its header begins. */
  readonly start: number
  readonly sequenceId: number
  isError(): boolean
  asError(encoding: string): unknown
}

/** The driver's connection, as its commands see it. */
export interface Wire extends MysqlConnection {
  addCommand: (command: PipelineCommand) => unknown
  write: (bytes: Uint8Array) => unknown
  readonly clientEncoding: string
  /** Of the packet that is expected next. */
  sequenceId: number
  readonly stream: Required<NonNullable<MysqlConnection['stream']>>
}

/** A command as the driver runs it: its own, or one of ours. */
export interface PipelineCommand {
  /** Without a packet it writes itself; true once it is done. */
  execute(packet: DriverPacket | undefined, wire: Wire): boolean
  /** Told of an error of the connection. */
  onResult?: MysqlCallback
  /** Whether what follows it can be written only when it was answered. */
  readonly isAwaited?: boolean
}

/** The connection, where its driver lets several commands be written at once. */
export function wireOf(connection: MysqlConnection): Wire | undefined {
  const { addCommand, write, sequenceId, stream, config } = connection as Partial<Wire>
  const isKnown = typeof addCommand === 'function' && typeof write === 'function'
  // Compressed packets are numbered across commands.
  const isCompressed = config?.compress !== undefined && config.compress !== false
  if (!isKnown || typeof stream?.destroy !== 'function' || isCompressed) return undefined
  return typeof sequenceId === 'number' ? (connection as Wire) : undefined
}
