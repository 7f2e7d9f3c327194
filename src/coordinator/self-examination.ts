/**
 * The doctor of a live coordinator: it examines the same as `assent doctor` does from outside, and
 * through the same participants.
 *
 * Keeps A7: what is ours is told by the identities of the logs, never by the installation's name.
 */
import type { Clock, Timers } from '../core/ports.ts'
import { type DoctorReport, examine } from '../doctor/doctor.ts'
import { type DoctorOptions, limitsFrom } from '../doctor/options.ts'
import type { LogSurvey, SlotSurvey, SurveyLog } from '../doctor/survey.ts'
import type { Parts } from './open.ts'
import type { PendingTransaction } from './pending.ts'

/** Where the logs are, and how large they may grow. */
export interface LogPlace {
  readonly survey: SurveyLog
  /** How many processes may share it. */
  readonly slots: number
  /** How many bytes each may keep of outcomes. */
  readonly retentionBytes: number
}

interface ExaminationPorts {
  readonly clock: Clock
  readonly timers: Timers
  readonly place?: LogPlace
}

export class SelfExamination {
  readonly #parts: Parts
  readonly #ports: ExaminationPorts
  readonly #transactions: () => readonly PendingTransaction[]
  readonly #acceptChanged: ReadonlySet<string>
  readonly #limits: DoctorOptions

  constructor(options: {
    readonly parts: Parts
    readonly ports: ExaminationPorts
    readonly transactions: () => readonly PendingTransaction[]
    readonly acceptChanged: readonly string[]
    readonly limits: DoctorOptions
  }) {
    this.#parts = options.parts
    this.#ports = options.ports
    this.#transactions = options.transactions
    this.#acceptChanged = new Set(options.acceptChanged)
    this.#limits = options.limits
  }

  /** What `options` leave out is as the coordinator was opened. Throws `ASSENT_INVALID_OPTION`. */
  async run(options: DoctorOptions): Promise<DoctorReport> {
    const { engine, books } = this.#parts
    const { place } = this.#ports
    const given = Object.fromEntries(
      Object.entries(options).filter(([, value]) => value !== undefined),
    )
    const resources = [...engine.resources.all()]
    return await examine(
      {
        resources: new Map(resources.map(({ name, participant }) => [name, participant])),
        log: {
          installation: books.own.log.installation,
          slots: place?.slots ?? Number.POSITIVE_INFINITY,
          retentionBytes: place?.retentionBytes ?? 0,
        },
        logs: books.identities(),
        acceptChanged: this.#acceptChanged,
        survey: place && (() => this.#survey(place.survey)),
      },
      limitsFrom({ ...this.#limits, ...given }, engine.settings),
      this.#ports,
    )
  }

  /** Of our own slots memory knows more than what is written. */
  async #survey(look: SurveyLog): Promise<LogSurvey> {
    const books = this.#parts.books.all()
    const survey = await look(books.map(({ log }) => log.location))
    const slots = survey.slots.map((slot): SlotSurvey => {
      const book = books.find(({ log }) => log.identity === slot.identity)
      if (book === undefined) return slot
      const own = this.#transactions().filter(({ log }) => log === book.log.location)
      return {
        ...slot,
        unfinished: own.length,
        awaited: own.filter(awaitsOperator).map(({ id }) => id),
      }
    })
    return { ...survey, slots }
  }
}

function awaitsOperator({ state }: PendingTransaction): boolean {
  return state === 'held' || state === 'heuristic'
}
