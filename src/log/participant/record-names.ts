/**
 * The names under which the table keeps what is no decision. A name stands for a part of the state,
 * and is written over when that part changes: to write it once more changes nothing.
 */
import type { TransactionKey } from '../../core/ids.ts'
import { pageOf } from '../outcome-page.ts'
import type { KeptOutcome, StoredRecord } from '../records.ts'

export const lowWaterName = 'low-water'

export function epochName(epoch: number): string {
  return `epoch:${epoch}`
}

export function onePhaseName(epoch: number): string {
  return `one-phase:${epoch}`
}

export function resourceName(number: number): string {
  return `resource:${number}`
}

export function outcomesName(outcome: KeptOutcome, { epoch, counter }: TransactionKey): string {
  return pageName(outcome, epoch, pageOf(counter))
}

/** What is unfinished about a transaction besides its decision. */
export function transactionName({ epoch, counter }: TransactionKey): string {
  return `transaction:${epoch}.${counter}`
}

/** An operator's act: by the epoch that wrote it, and counted there. */
export function actName(epoch: number, number: number): string {
  return `act:${epoch}.${number}`
}

/** The name of a record that is a part of the state by itself; undefined for all others. */
export function nameOf(record: StoredRecord): string | undefined {
  switch (record.type) {
    case 'low-water':
      return lowWaterName
    case 'epoch':
      return epochName(record.epoch)
    case 'one-phase':
      return onePhaseName(record.transaction.epoch)
    case 'resource':
      return resourceName(record.number)
    case 'outcomes':
      return pageName(record.outcome, record.epoch, record.page)
    default:
      return undefined
  }
}

function pageName(outcome: KeptOutcome, epoch: number, page: number): string {
  return `outcomes:${epoch}:${page}:${outcome}`
}
