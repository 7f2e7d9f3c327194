/** Records and appends for tests of the log. */
import type { DecisionLog, LogRecord, RecordOf } from '../../src/log/contract.ts'

export const wallMs = 1_700_000_000_000

export function decided(
  epoch: number,
  counter: number,
  decision: 'committed' | 'aborted' = 'committed',
  over: Partial<RecordOf<'decided'>> = {},
): RecordOf<'decided'> {
  return {
    type: 'decided',
    transaction: { epoch, counter },
    decision,
    protocol: 'two-phase',
    wallMs,
    branches: [
      { branch: 0, resource: 1, evidence: String(700 + counter) },
      { branch: 1, resource: 2, evidence: undefined },
    ],
    ...over,
  }
}

export function intent(epoch: number, counter: number): RecordOf<'intent'> {
  const branches = [{ branch: 0, resource: 1, evidence: '12' }]
  return { type: 'intent', transaction: { epoch, counter }, wallMs, last: 1, branches }
}

export function settled(epoch: number, counter: number): RecordOf<'settled'> {
  return { type: 'settled', transaction: { epoch, counter } }
}

export function heuristic(
  epoch: number,
  counter: number,
  kind: RecordOf<'heuristic'>['kind'] = 'rolled-back',
  branch = 0,
): RecordOf<'heuristic'> {
  const transaction = { epoch, counter }
  return { type: 'heuristic', transaction, branch, resource: 1, kind, detail: 'seen', wallMs }
}

export function forgotten(epoch: number, counter: number): RecordOf<'forgotten'> {
  const transaction = { epoch, counter }
  return { type: 'forgotten', transaction, wallMs, by: 'ada', reason: 'repaired by hand' }
}

/** Appends a record by force; rejects with the log's failure. */
export function force(log: DecisionLog, record: LogRecord): Promise<void> {
  return new Promise((resolve, reject) => {
    log.append(record, (failure) => (failure === undefined ? resolve() : reject(failure)))
  })
}
