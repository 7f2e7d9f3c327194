/** What a pool's connections write: a list for each write to the socket, of the commands in it. */
import type { Socket } from 'node:net'
import type { Pool } from 'mysql2/promise'

interface Raw {
  readonly stream: Socket
  handlePacket(packet?: object): void
}

const headerBytes = 4
const [prepareCode, executeCode] = [0x16, 0x17]
export class WatchedWire {
  /** Texts as such, prepared statements as `prepare ...` and `execute`. */
  readonly writes: string[][] = []
  /** Changes what is written, to have the server answer otherwise; of the same length. */
  spoil: (text: string) => string = (text) => text
  readonly #raws: Raw[] = []

  constructor(pool: Pool) {
    const { pool: core } = pool as unknown as {
      pool: { on(event: 'connection', tell: (raw: Raw) => void): void }
    }
    core.on('connection', (raw) => {
      this.#raws.push(raw)
      const { stream } = raw
      const write = stream.write.bind(stream) as (bytes: Uint8Array, ...rest: unknown[]) => boolean
      const watched = (bytes: Uint8Array, ...rest: unknown[]): boolean => {
        this.writes.push(commandsIn(bytes))
        return write(
          Buffer.from(this.spoil(Buffer.from(bytes).toString('latin1')), 'latin1'),
          ...rest,
        )
      }
      Object.assign(stream, { write: watched })
    })
  }

  /** From now on no answer reaches the driver. */
  deafen(): void {
    for (const raw of this.#raws) {
      const handle = raw.handlePacket.bind(raw)
      const deaf = (packet?: object): void => (packet === undefined ? handle() : undefined)
      Object.assign(raw, { handlePacket: deaf })
    }
  }

  /** The connections are gone. */
  cut(): void {
    for (const { stream } of this.#raws) stream.destroy()
  }
}

function commandsIn(bytes: Uint8Array): string[] {
  const found: string[] = []
  const buffer = Buffer.from(bytes)
  for (let at = 0; at < buffer.length; ) {
    const sizeBytes = buffer.readUIntLE(at, 3)
    const code = buffer[at + headerBytes]
    const text = buffer.toString('utf8', at + headerBytes + 1, at + headerBytes + sizeBytes)
    if (code === executeCode) found.push('execute')
    else found.push(code === prepareCode ? `prepare ${text}` : text)
    at += headerBytes + sizeBytes
  }
  return found
}
