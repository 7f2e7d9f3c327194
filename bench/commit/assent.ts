/** Assent over the same pools, its decision log forced: with a callback, and without one. */
import { join } from 'node:path'
import { openCoordinator } from '../../src/index.ts'
import { move } from './bank.ts'
import { type Contestant, contestant, type Surroundings, type Transfer } from './contestant.ts'

type BankCoordinator = Awaited<ReturnType<typeof open>>

/** The work is a function, as `transaction` takes it. */
export async function openAssent(surroundings: Surroundings): Promise<Contestant> {
  const coordinator = await open(surroundings)
  return over('assent', coordinator, withCallback(surroundings, coordinator))
}

/** The same without a log: the decisions are kept in the left database, by its branch's commit. */
export async function openAssentParticipant(surroundings: Surroundings): Promise<Contestant> {
  const coordinator = await openCoordinator({
    name: 'bench',
    decisions: { in: 'left', create: true },
    controlSocket: false,
    resources: resourcesOf(surroundings),
  })
  return over('assent-participant', coordinator, withCallback(surroundings, coordinator))
}

/** The statements are known before, as `execute` takes them. */
export async function openAssentExecute(surroundings: Surroundings): Promise<Contestant> {
  const { left, right } = surroundings.bank
  const coordinator = await open(surroundings)
  return over('assent-execute', coordinator, async (account) => {
    await coordinator.execute({
      left: [left.payText, [account]],
      right: [right.getText, [account]],
    })
  })
}

function open(surroundings: Surroundings) {
  return openCoordinator({
    name: 'bench',
    log: join(surroundings.directory, 'log'),
    controlSocket: false,
    resources: resourcesOf(surroundings),
  })
}

function resourcesOf({ bank: { left, right } }: Surroundings) {
  return { left: left.participant(), right: right.participant() }
}

function withCallback(
  { bank }: Surroundings,
  coordinator: Pick<BankCoordinator, 'transaction'>,
): Transfer {
  return async (account) => {
    await coordinator.transaction(['left', 'right'], ({ left, right }) =>
      move(bank, [left, right], account),
    )
  }
}

function over(
  name: string,
  coordinator: Pick<BankCoordinator, 'logStatistics' | 'close'>,
  transfer: Transfer,
): Contestant {
  return contestant(name, transfer, {
    forcedWrites: () => coordinator.logStatistics().forcedWrites,
    close: async () => {
      await coordinator.close()
    },
  })
}
