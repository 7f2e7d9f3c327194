/** Who holds the slot of a log in a table, as the database knows it. */
import type { Place } from '../../scheduler.ts'

/** The session that locks a slot. */
export interface SlotHolder {
  /** Who is at its other end. */
  readonly client: Place
  /** Ends it at the server, at once; its client learns of it when it learns of it. */
  terminate(): void
}
