/**
 * Keeps a worker's sessions alive beyond its death, as when its machine is lost: no server is told
 * that the other end is gone. Another process holds each socket besides, and does nothing with it.
 */
import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'

import type { Diary } from './diary.ts'

/** Should nobody end them, they end by themselves. */
const lifeSeconds = 60

/** A socket's descriptor: given the socket itself, Node would stop to read from it. */
interface WithDescriptor {
  readonly _handle?: { readonly fd: number } | null
}

export function keepOpen(socket: Socket, diary: Diary): void {
  socket.once('connect', () => {
    const { _handle } = socket as unknown as WithDescriptor
    if (_handle === undefined || _handle === null) return
    const keeper = spawn('sleep', [String(lifeSeconds)], {
      stdio: ['ignore', 'ignore', 'ignore', _handle.fd],
      detached: true,
    })
    keeper.unref()
    if (keeper.pid !== undefined) diary.note({ type: 'keeper', pid: keeper.pid })
  })
}
