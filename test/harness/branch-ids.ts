/** Ids for branches that tests make by hand, without an engine. */
import {
  type BranchId,
  formatBranchId,
  formatTransactionId,
  type InstallationName,
  idLimits,
  type LogIdentity,
  type TransactionId,
} from '../../src/core/ids.ts'

const log = '0123456789abc' as LogIdentity

let counter = 0

/** Ids that no other test of this process uses. */
export function nextIds(): { id: BranchId; transaction: TransactionId } {
  counter += 1
  const installation = 'test' as InstallationName
  const transaction = formatTransactionId({ installation, log, epoch: process.pid, counter })
  return { id: formatBranchId(transaction, 0), transaction }
}

/** As long as ids get. */
export function longestIds(): { id: BranchId; transaction: TransactionId } {
  counter += 1
  const transaction = formatTransactionId({
    installation: 'a'.repeat(idLimits.installationLength) as InstallationName,
    log,
    epoch: idLimits.epoch,
    counter: idLimits.counter - counter,
  })
  return { id: formatBranchId(transaction, idLimits.branch), transaction }
}
