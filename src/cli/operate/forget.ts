/** `assent forget` */
import type { UnfinishedTransaction } from '../../log/contract.ts'
import type { Arguments } from '../arguments.ts'
import type { Terminal } from '../command.ts'
import { CommandFailure } from '../failures.ts'
import { askProcess, readInstallation } from './installation.ts'
import { recordAct } from './recorded-act.ts'
import { isOver } from './report.ts'
import { refuseSilent } from './resolve.ts'
import { readSignature } from './signature.ts'
import { findSlot, readSubject } from './subject.ts'

export async function runForget(given: Arguments, { out }: Terminal): Promise<number> {
  const subject = readSubject(given.operands[0] ?? '')
  const signature = readSignature(given)
  const { id, parts } = subject
  const installation = await readInstallation(given)
  const slot = findSlot(installation, subject)
  if (slot.process !== undefined) {
    const reply = await askProcess(slot.process, { command: 'forget', id, ...signature })
    if (!reply.ok) throw new CommandFailure(reply.message, { code: reply.code })
  } else {
    refuseSilent(slot)
    const transaction = { epoch: parts.epoch, counter: parts.counter }
    await recordAct(installation, parts.log, transaction, (found, wallMs) => {
      refuseUnlessSettled(id, found)
      return { type: 'forgotten', transaction, wallMs, ...signature }
    })
  }
  out.write(
    given.has('json') ? `${JSON.stringify({ id, forgotten: true })}\n` : `${id}: forgotten\n`,
  )
  return 0
}

function refuseUnlessSettled(id: string, found: UnfinishedTransaction | undefined): void {
  if (found === undefined || found.heuristics.length === 0) {
    const message = `no heuristic waits to be forgotten under the id ${id}`
    throw new CommandFailure(message, { code: 'ASSENT_UNKNOWN_TRANSACTION' })
  }
  if (isOver(found)) return
  const state = found.decided?.decision ?? 'held'
  const message = `transaction ${id} is ${state} and not delivered everywhere`
  throw new CommandFailure(message, { code: 'ASSENT_NOT_RESOLVABLE' })
}
