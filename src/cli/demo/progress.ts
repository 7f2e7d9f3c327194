/** How a run goes, for whoever shows it. */
import type { Side } from './plan.ts'

export type Phase = 'starting' | 'running' | 'settling' | 'checking'

export interface Progress {
  phase: Phase
  /** Milliseconds since the transfers began, and until they shall end. */
  elapsedMs: number
  readonly totalMs: number
  /** Counted in the databases, a moment ago. */
  committed: number
  attempted: number
  prepared: number
  kills: number
  restarts: number
  workerPid: number | undefined
  /** Whether each database is up; the user's own always are, as far as we know. */
  readonly up: Record<Side, boolean>
}

/** Where progress goes; `note` is for what happens once. */
export interface Display {
  update(progress: Progress): void
  note(text: string): void
  /** Leaves the terminal as it was found. */
  close(): void
}
