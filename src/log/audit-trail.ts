/**
 * What operators did by hand: who, why and when. The youngest acts stay, whatever became of their
 * transactions; nothing that the coordinator does depends on them (A2: no act changes a decision).
 */
import type { OperatorAct } from './records.ts'

/** More acts than this drop the oldest. */
const actsMax = 1000

export class AuditTrail {
  /** By time, oldest first. */
  #acts: readonly OperatorAct[] = []

  get acts(): readonly OperatorAct[] {
    return this.#acts
  }

  /** Takes an act; one that is there already changes nothing, so that a state can be made again. */
  add(act: OperatorAct): void {
    if (this.#acts.some((each) => isSame(each, act))) return
    const later = this.#acts.findIndex(({ wallMs }) => wallMs > act.wallMs)
    const index = later < 0 ? this.#acts.length : later
    this.#acts = this.#acts.toSpliced(index, 0, act).slice(-actsMax)
  }
}

function isSame(one: OperatorAct, other: OperatorAct): boolean {
  return (
    one.type === other.type &&
    one.wallMs === other.wallMs &&
    one.by === other.by &&
    one.reason === other.reason &&
    subjectOf(one) === subjectOf(other)
  )
}

function subjectOf(act: OperatorAct): string {
  if (act.type === 'stranger-resolved') return `${act.resource} ${act.id} ${act.decision}`
  const { epoch, counter } = act.transaction
  const what = act.type === 'resolved' ? `${act.branch} ${act.decision}` : ''
  return `${epoch} ${counter} ${what}`
}
