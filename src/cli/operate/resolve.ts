/** `assent resolve` */
import type { Decision } from '../../core/decision.ts'
import type { UnfinishedTransaction } from '../../log/contract.ts'
import type { ControlRequest } from '../../node/control-socket-protocol.ts'
import type { Arguments } from '../arguments.ts'
import type { Terminal } from '../command.ts'
import { CommandFailure, UsageError } from '../failures.ts'
import {
  askProcess,
  type Installation,
  readInstallation,
  type Slot,
  slotOf,
} from './installation.ts'
import { recordAct } from './recorded-act.ts'
import { settlementOf } from './report.ts'
import { readSignature } from './signature.ts'
import { findSlot, readSubject, type Subject } from './subject.ts'

type Resolve = Extract<ControlRequest, { command: 'resolve' }>

export async function runResolve(given: Arguments, { out }: Terminal): Promise<number> {
  const [text = '', word = ''] = given.operands
  const subject = readSubject(text)
  const request: Resolve = {
    command: 'resolve',
    id: text,
    decision: readDecision(word),
    resource: given.text('resource'),
    ...readSignature(given),
  }
  if (subject.isBranch && request.resource !== undefined) {
    throw new UsageError('--resource goes with the id of a transaction, and this is a branch')
  }
  const installation = await readInstallation(given)
  const effect = subject.isBranch
    ? await resolveStranger(installation, subject, request)
    : await resolveTransaction(installation, subject, request)
  const { id, decision } = request
  const said = effect === 'done' ? 'done and recorded' : 'recorded; the next process carries it out'
  const line = given.has('json')
    ? JSON.stringify({ id, decision, effect })
    : `${id}: ${decision}, ${said}`
  out.write(`${line}\n`)
  return 0
}

/** `recorded`: in a log that nobody holds, to be carried out by the next process that opens it. */
type Effect = 'done' | 'recorded'

async function resolveTransaction(
  installation: Installation,
  subject: Subject,
  request: Resolve,
): Promise<Effect> {
  const slot = findSlot(installation, subject)
  if (slot.process !== undefined) {
    const reply = await askProcess(slot.process, request)
    if (reply.ok) return 'done'
    const hint = `; \`assent show ${request.id}\` tells how it stands`
    throw new CommandFailure(`${reply.message}${hint}`, { code: reply.code })
  }
  refuseSilent(slot)
  if (request.resource !== undefined) {
    throw new CommandFailure(
      'no process holds this log, and only one can tell whether the branch is still waited for; ' +
        'start the application, and run this again',
    )
  }
  const { id, decision, by, reason } = request
  const { parts } = subject
  const transaction = { epoch: parts.epoch, counter: parts.counter }
  await recordAct(installation, parts.log, transaction, (found, wallMs) => {
    refuseUnlessHeld(id, decision, found)
    return { type: 'resolved', transaction, branch: undefined, decision, by, reason, wallMs }
  })
  return 'recorded'
}

/** A prepared branch whose log is lost: any process that sees it can end it. */
async function resolveStranger(
  installation: Installation,
  subject: Subject,
  request: Resolve,
): Promise<Effect> {
  if (slotOf(installation, subject.parts.log) !== undefined) {
    throw new CommandFailure(
      `${request.id} is a branch of ${subject.id}, whose log is here; resolve the transaction`,
    )
  }
  for (const process of installation.processes) {
    const reply = await askProcess(process, request)
    if (reply.ok) return 'done'
    if (reply.code !== 'ASSENT_UNKNOWN_TRANSACTION') {
      throw new CommandFailure(reply.message, { code: reply.code })
    }
  }
  throw new CommandFailure(
    installation.processes.length > 0
      ? `no process here sees a prepared branch ${request.id}; \`assent list\` shows those seen`
      : 'no process is up that could reach a resource; start the application, and run this again',
  )
}

/** Throws for a slot whose process lives and can't be asked: acting behind its back breaks A2. */
export function refuseSilent({ reading, silence }: Slot): void {
  if (reading.isHeld === false) return
  throw new CommandFailure(
    `a live process holds ${reading.location} and does not answer (${silence}); ` +
      'stop it or wait for it, and run this again',
  )
}

function refuseUnlessHeld(
  id: string,
  decision: Decision,
  found: UnfinishedTransaction | undefined,
): void {
  if (found === undefined) {
    throw new CommandFailure(`nothing unfinished has the id ${id}`, {
      code: 'ASSENT_UNKNOWN_TRANSACTION',
    })
  }
  const spoken = settlementOf(found)
  const isHeld = found.intent !== undefined && found.decided === undefined && !found.settled
  if (isHeld && (spoken === undefined || spoken.decision === decision)) return
  const state = found.decided?.decision ?? spoken?.decision ?? 'over'
  const problem = isHeld
    ? `${spoken?.by ?? 'an operator'} has resolved it as ${state} already`
    : `it is ${state}, and does not wait for an operator`
  throw new CommandFailure(`transaction ${id}: ${problem}`, { code: 'ASSENT_NOT_RESOLVABLE' })
}

function readDecision(word: string): Decision {
  if (word === 'commit') return 'committed'
  if (word === 'abort') return 'aborted'
  throw new UsageError(`say commit or abort after the id, not '${word}'`)
}
