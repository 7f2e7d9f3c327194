/**
 * What a yes-vote leaves in the log, to tell later what an answer about the branch means: whether it
 * had written (MY-3), which connection holds it while that lives (MY-2), and how far the server's log
 * had come at least (see `horizon.ts`).
 */
import type { ServerSession } from './beginning.ts'

export interface Evidence {
  readonly hasWritten: boolean
  readonly session: ServerSession
  readonly position: number | undefined
}

/**
 * @example
 * const session = { thread: 41, serverStarted: 1790000000 }
 * formatEvidence({ hasWritten: true, session, position: 46521 }) // 'w.41.1790000000.46521'
 */
export function formatEvidence({ hasWritten, session, position }: Evidence): string {
  const { thread, serverStarted } = session
  return `${hasWritten ? 'w' : 'r'}.${thread}.${serverStarted}.${position ?? ''}`
}

export function readEvidence(text: string | undefined): Evidence | undefined {
  const match = /^([wr])\.(\d{1,15})\.(\d{1,15})\.(\d{0,16})$/.exec(text ?? '')
  if (match === null) return undefined
  const session = { thread: Number(match[2]), serverStarted: Number(match[3]) }
  const position = match[4] === '' ? undefined : Number(match[4])
  return { hasWritten: match[1] === 'w', session, position }
}
