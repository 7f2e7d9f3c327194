/** Asks a live coordinator through its control socket. */
import { connect } from 'node:net'
import {
  type ControlReply,
  type ControlRequest,
  controlLimits,
  decodeReply,
  encodeRequest,
} from './control-socket-protocol.ts'

/** Nobody listens, or nobody answered: the process died, hangs, or closes. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

/** Asks once. Rejects with `NoAnswer`, or `ASSENT_INVALID_OPTION` for a reply that can't be read. */
export async function askControlSocket(
  path: string,
  request: ControlRequest,
  limitMs: number = controlLimits.replyMs,
): Promise<ControlReply> {
  return decodeReply(await exchange(path, encodeRequest(request), limitMs))
}

/** Sends a line and answers with the line that comes back. */
function exchange(path: string, line: string, limitMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    const chunks: Buffer[] = []
    let sizeBytes = 0
    const fail = (problem: string, cause?: unknown): void => {
      reject(new NoAnswer(problem, { cause }))
      socket.destroy()
    }
    socket.setTimeout(limitMs, () => fail(`no answer within ${limitMs} ms`))
    socket.on('error', (cause) => fail(cause.message, cause))
    socket.on('connect', () => socket.write(line))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      sizeBytes += chunk.length
      if (sizeBytes > controlLimits.replyBytes) fail('the answer is too long')
    })
    socket.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8')
      if (text.endsWith('\n')) resolve(text)
      else fail('the process ended before it had answered')
      socket.destroy()
    })
  })
}
