/**
 * What the golden log of this version is made of: every record type, several epochs, sparse and
 * dense outcomes, a crash in the middle of a write, and a slot that was closed in order.
 */
import type { DecisionLog, DecisionLogs, LogRecord } from '../../src/log/contract.ts'

const beginMs = 1_750_000_000_000
const branches = [
  { branch: 0, resource: 1, evidence: '4711' },
  { branch: 1, resource: 2, evidence: undefined },
]

type Decided = Extract<LogRecord, { type: 'decided' }>

function decided(epoch: number, counter: number, decision: Decided['decision']): Decided {
  const transaction = { epoch, counter }
  const wallMs = beginMs + counter
  return { type: 'decided', transaction, decision, protocol: 'two-phase', wallMs, branches }
}

function heuristic(epoch: number, counter: number, branch: number, kind: 'committed' | 'hazard') {
  const transaction = { epoch, counter }
  const detail = 'COMMIT PREPARED answered 42704 — nobody knows'
  const wallMs = beginMs + 5
  return { type: 'heuristic', transaction, branch, resource: 1, kind, detail, wallMs } as const
}

const signed = { by: 'ada', reason: 'checked by hand', wallMs: beginMs + 9 }

/** The first life: ends in order. Forces everything, so that it does not depend on time. */
export function firstLife(epoch: number): LogRecord[] {
  return [
    resource(1, 'orders', 'postgres', '7311…/16384'),
    resource(2, 'stock', 'postgres', '7322…/16385'),
    ...Array.from({ length: 5000 }, (_, index) => [
      decided(epoch, index + 1, index % 7 === 0 ? 'aborted' : 'committed'),
      { type: 'settled', transaction: { epoch, counter: index + 1 } } as const,
    ]).flat(),
    decided(epoch, 9001, 'committed'),
    { type: 'one-phase', transaction: { epoch, counter: 10_000 } },
  ]
}

/** The second life: everything that can be unfinished. */
export function secondLife(epoch: number): LogRecord[] {
  const held = { epoch, counter: 2 }
  return [
    decided(epoch, 1, 'committed'),
    { type: 'intent', transaction: held, wallMs: beginMs, last: 2, branches },
    { type: 'resolved', transaction: held, branch: undefined, decision: 'aborted', ...signed },
    decided(epoch, 3, 'aborted'),
    { type: 'resolved', transaction: { epoch, counter: 3 }, branch: 1, decision: 'committed', ...signed },
    heuristic(epoch, 3, 1, 'committed'),
    decided(epoch, 4, 'committed'),
    heuristic(epoch, 4, 0, 'hazard'),
    { type: 'settled', transaction: { epoch, counter: 4 } },
    { type: 'forgotten', transaction: { epoch, counter: 4 }, ...signed },
    heuristic(epoch, 5, 0, 'committed'),
    { type: 'stranger-resolved', id: 'a-strangers-branch', resource: 2, decision: 'aborted', ...signed },
    decided(epoch, 70_000, 'committed'),
    { type: 'settled', transaction: { epoch, counter: 70_000 } },
    resource(3, 'mail', 'custom', 'smtp.example'),
  ]
}

function resource(number: number, name: string, kind: string, fingerprint: string): LogRecord {
  return { type: 'resource', number, name, kind, fingerprint }
}

/** Appends all records, and answers when the last is durable. */
export function write(log: DecisionLog, records: readonly LogRecord[]): Promise<void> {
  return new Promise((resolve, reject) => {
    records.forEach((record, index) => {
      if (index < records.length - 1) log.append(record)
      else log.append(record, (failure) => (failure === undefined ? resolve() : reject(failure)))
    })
  })
}

export async function live(logs: DecisionLogs): Promise<DecisionLog> {
  const first = await logs.open()
  await write(first, firstLife(first.epoch))
  await first.close({ clean: false })
  const second = await logs.open()
  await write(second, secondLife(second.epoch))
  return second
}
