/**
 * How far the server's redo log has come, by its last look: a position that only grows, and that goes
 * back with the data when the server is put back to an earlier state. MariaDB and MySQL keep no fate of
 * a branch; this at least tells that one is missing because all that came with it is (A6).
 *
 * A look costs the server half a millisecond, so it is taken beside the branches, over a connection of
 * our own, once a second at most. A branch's evidence is thus a position from shortly before its vote.
 */
import type { Clock } from '../../core/ports.ts'
import type { Asking } from './asking.ts'
import type { Reserve } from './reserve.ts'
import { readVariables } from './server.ts'
import { showPosition } from './sql.ts'

const lookIntervalMs = 1_000

export class Horizon {
  readonly #reserve: Reserve
  readonly #clock: Clock
  #position: number | undefined
  #lookedAtMs = Number.NEGATIVE_INFINITY

  constructor(reserve: Reserve, clock: Clock) {
    this.#reserve = reserve
    this.#clock = clock
  }

  /** The last position that was seen; undefined where the server does not tell. */
  get position(): number | undefined {
    return this.#position
  }

  /** Looks again in the background, if the last look was long ago; a failure changes nothing. */
  refresh(): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#lookedAtMs < lookIntervalMs || this.#reserve.isTaken) return
    this.#lookedAtMs = nowMs
    this.#reserve
      .run(readPosition)
      .then((found) => this.note(found))
      .catch(() => undefined)
  }

  note(found: number | undefined): void {
    this.#position = found
  }
}

export async function readPosition(connection: Asking): Promise<number | undefined> {
  const found = readVariables((await connection.send(showPosition)).rows)
  const text = found.get('innodb_lsn_current') ?? found.get('innodb_redo_log_current_lsn')
  const position = Number(text ?? Number.NaN)
  return Number.isSafeInteger(position) ? position : undefined
}
