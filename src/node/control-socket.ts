/**
 * The control socket: operators ask a live coordinator through it, by `assent list`, `show`,
 * `resolve` and `forget`.
 *
 * It adds no way to act: each request is a call of the coordinator's own face, which checks and
 * records it (A2, A10). It keeps no process alive, and where it can't listen the coordinator works
 * all the same. A process that dies leaves a socket that refuses; the slot's next owner removes it.
 */
import { chmod } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import type { Coordinator } from '../coordinator/coordinator.ts'
import { AssentError } from '../core/errors.ts'
import { type SocketPlace, socketPlaces } from './control-socket-address.ts'
import {
  type ControlReply,
  type ControlRequest,
  type ControlResults,
  controlLimits,
  decodeRequest,
  encodeReply,
  failureReply,
} from './control-socket-protocol.ts'

/** What is asked through the socket. */
export type Controlled = Pick<
  Coordinator,
  'forget' | 'log' | 'logs' | 'orphans' | 'outcome' | 'resolve' | 'transactions'
>

export interface ControlSocket {
  /** Where it listens. */
  readonly path: string
  /** Stops listening, cuts off who is still connected, and removes the socket. */
  close(): Promise<void>
}

/** Listens for the coordinator's own slot. Rejects with the reason when no place will do. */
export async function openControlSocket(coordinator: Controlled): Promise<ControlSocket> {
  const connections = new Set<Socket>()
  let problem: unknown = new Error('the path is too long for a socket, also the temporary one')
  for await (const place of socketPlaces(coordinator.log)) {
    const server = createServer((socket) => {
      connections.add(socket)
      socket.once('close', () => connections.delete(socket))
      serve(socket, coordinator)
    })
    server.maxConnections = controlLimits.connections
    try {
      await listen(server, place.path)
      if (process.platform !== 'win32') await chmod(place.path, 0o600)
      await place.announce()
      return { path: place.path, close: () => close(server, connections, place) }
    } catch (cause) {
      problem = cause
      server.close()
    }
  }
  throw problem
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Exclusive: a worker of node:cluster would share it with its siblings, who have other slots.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject)
      server.on('error', () => undefined) // a connection that could not be accepted
      resolve()
    })
    server.unref()
  })
}

async function close(
  server: Server,
  connections: ReadonlySet<Socket>,
  place: SocketPlace,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const socket of connections) socket.destroy()
  await closed
  await place.remove()
}

function serve(socket: Socket, coordinator: Controlled): void {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  const answer = (reply: ControlReply): void => {
    socket.setTimeout(controlLimits.replyMs)
    socket.end(encodeReply(reply))
  }
  socket.unref()
  socket.on('error', () => socket.destroy())
  socket.setTimeout(controlLimits.requestMs, () => socket.destroy())
  const take = (chunk: Buffer): void => {
    chunks.push(chunk)
    sizeBytes += chunk.length
    const isWhole = chunk.includes(10)
    if (!isWhole && sizeBytes <= controlLimits.requestBytes) return
    socket.off('data', take)
    socket.resume()
    if (sizeBytes > controlLimits.requestBytes) {
      answer(failureReply(tooLong()))
      return
    }
    socket.setTimeout(0)
    const [line = ''] = Buffer.concat(chunks).toString('utf8').split('\n', 1)
    void perform(line, coordinator).then(answer)
  }
  socket.on('data', take)
}

async function perform(line: string, coordinator: Controlled): Promise<ControlReply> {
  try {
    return { ok: true, result: await answerTo(decodeRequest(line), coordinator) }
  } catch (failure) {
    return failureReply(failure)
  }
}

async function answerTo(
  request: ControlRequest,
  coordinator: Controlled,
): Promise<ControlResults[keyof ControlResults]> {
  switch (request.command) {
    case 'list': {
      const transactions = coordinator.transactions()
      const orphans = coordinator.orphans()
      return {
        pid: process.pid,
        logs: coordinator.logs,
        transactions: transactions.slice(0, controlLimits.listed),
        transactionCount: transactions.length,
        orphans: orphans.slice(0, controlLimits.listed),
        orphanCount: orphans.length,
      }
    }
    case 'show': {
      const transaction = coordinator.transactions().find(({ id }) => id === request.id)
      return { pid: process.pid, outcome: await coordinator.outcome(request.id), transaction }
    }
    case 'resolve': {
      const { id, decision, by, reason, resource } = request
      const resolution = { by, reason, ...(resource === undefined ? {} : { resource }) }
      await coordinator.resolve(id, decision, resolution)
      return null
    }
    case 'forget':
      await coordinator.forget(request.id, { by: request.by, reason: request.reason })
      return null
  }
}

function tooLong(): AssentError {
  const message = `a request has at most ${controlLimits.requestBytes} bytes`
  return new AssentError('ASSENT_INVALID_OPTION', message, { option: 'request' })
}
