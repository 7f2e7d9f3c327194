/**
 * Remembers every record that a log was asked to keep, and which of them it promised, over all its
 * crashes. What an opening finds must be what some first part of that history amounts to, and that
 * part must hold every promise: so nothing promised is lost, and nothing unwritten appears.
 */
import assert from 'node:assert/strict'

import { isAssentError } from '../../src/core/errors.ts'
import type {
  DecisionLog,
  LogRecord,
  RetainedOutcome,
  UnfinishedTransaction,
} from '../../src/log/contract.ts'
import type { StoredRecord } from '../../src/log/records.ts'
import { LogState } from '../../src/log/state.ts'
import type { SeededRandom } from '../../src/simulation/random.ts'
import { decided, forgotten, heuristic, intent, settled } from './records.ts'

/** What a log, and the reference, can be asked. */
interface Readable {
  resources(): readonly unknown[]
  unfinished(): readonly UnfinishedTransaction[]
  outcome(key: { epoch: number; counter: number }): RetainedOutcome
}

export class Witness {
  #history: StoredRecord[] = []
  /** How many records of the history, from its start, must be found. */
  #promised = 0
  /** What the whole history amounts to. */
  #state = new LogState()
  #identity: string | undefined
  #epoch = 0
  #counter = 0
  promises = 0
  /** Openings that found less than was asked for. */
  losses = 0

  /** Checks a log that was just opened against everything so far. */
  check(log: DecisionLog, where: string): void {
    this.#identity ??= log.identity
    assert.equal(log.identity, this.#identity, `${where}: another identity`)
    assert.ok(log.epoch > this.#epoch, `${where}: A8: epoch ${log.epoch} after ${this.#epoch}`)
    const found = this.#digest(log)
    const length = this.#matchingLength(log.epoch, found)
    if (length === undefined) {
      const promised = this.#digest(this.#stateAfter(this.#promised, log.epoch))
      assert.deepEqual(found, promised, `${where}: not what any part of the history amounts to`)
      assert.fail(`${where}: equal, and yet not`)
    }
    if (length < this.#history.length) this.losses += 1
    this.#state = this.#stateAfter(length, log.epoch)
    this.#history = this.#history.slice(0, length)
    this.#history.push({ type: 'epoch', epoch: log.epoch, wallMs: 0 })
    // What an opening showed was written anew before: it is promised from here on (A11).
    this.#promised = this.#history.length
    this.#epoch = log.epoch
    this.#counter = 0
  }

  /** Appends what may come next, drawn at random; answers when its promise is kept or broken. */
  act(log: DecisionLog, random: SeededRandom): Promise<void> {
    const record = this.#draw(random)
    this.#history.push(record)
    this.#state.apply(record)
    const length = this.#history.length
    if (record.type === 'settled' || random.chance(0.1)) {
      log.append(record)
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      log.append(record, (failure) => {
        if (failure === undefined) {
          this.promises += 1
          this.#promised = Math.max(this.#promised, length)
        } else {
          assert.ok(isAssentError(failure, 'ASSENT_LOG_FAILED'), `${failure}`)
        }
        resolve()
      })
    })
  }

  #draw(random: SeededRandom): LogRecord {
    const unfinished = this.#state.unfinished()
    const dice = random.fraction()
    if (unfinished.length > 0 && random.chance(0.6)) return nextOf(random.pick(unfinished), dice)
    const epoch = this.#epoch
    this.#counter += 1
    const transaction = { epoch, counter: this.#counter }
    if (dice < 0.03) return { type: 'one-phase', transaction }
    if (dice < 0.06) {
      const number = this.#state.resources().length
      return { type: 'resource', number, name: `r${number}`, kind: 'custom', fingerprint: 'f' }
    }
    if (dice < 0.2) return intent(epoch, this.#counter)
    // Of some hundred bytes to some thousand: batches of one sector and of many.
    const branches = Array.from({ length: random.integer(0, 12) }, (_, branch) => ({
      branch,
      resource: 1,
      evidence: 'x'.repeat(random.integer(0, 250)),
    }))
    return decided(epoch, this.#counter, dice < 0.9 ? 'committed' : 'aborted', { branches })
  }

  #matchingLength(epoch: number, found: unknown): number | undefined {
    const wanted = JSON.stringify(found)
    for (let length = this.#history.length; length >= this.#promised; length -= 1) {
      if (JSON.stringify(this.#digest(this.#stateAfter(length, epoch))) === wanted) return length
    }
    return undefined
  }

  #stateAfter(length: number, epoch: number): LogState {
    const state = new LogState()
    for (const record of this.#history.slice(0, length)) state.apply(record)
    state.apply({ type: 'epoch', epoch, wallMs: 0 })
    return state
  }

  #digest(readable: Readable): unknown {
    const keys = this.#history.flatMap((record) =>
      record.type === 'decided' || record.type === 'intent' || record.type === 'one-phase'
        ? [record.transaction]
        : [],
    )
    return {
      resources: readable.resources(),
      unfinished: readable
        .unfinished()
        .map((each) => ({
          transaction: each.transaction,
          intent: each.intent,
          decided: each.decided,
          settled: each.settled,
          heuristics: each.heuristics,
          resolved: each.resolved,
          forgotten: each.forgotten,
        }))
        .sort((one, other) => orderOf(one.transaction) - orderOf(other.transaction)),
      outcomes: keys.map((key) => readable.outcome(key)),
      strangers: keys.map(({ epoch }) => readable.outcome({ epoch, counter: 500_000 })),
    }
  }
}

/** What may become of a transaction next. */
function nextOf(unfinished: UnfinishedTransaction, dice: number): LogRecord {
  const { epoch, counter } = unfinished.transaction
  if (unfinished.decided === undefined && unfinished.intent !== undefined) {
    return decided(epoch, counter, dice < 0.8 ? 'committed' : 'aborted')
  }
  if (unfinished.heuristics.length === 0 && dice < 0.2) return heuristic(epoch, counter)
  const isSeen = unfinished.heuristics.length === 0 || unfinished.forgotten
  return isSeen ? settled(epoch, counter) : forgotten(epoch, counter)
}

function orderOf({ epoch, counter }: { epoch: number; counter: number }): number {
  return epoch * 1_000_000 + counter
}
