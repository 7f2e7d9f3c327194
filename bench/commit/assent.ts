/** Assent over the same pools, its decision log forced: with a callback, and without one. */
import { join } from 'node:path'
import { openCoordinator } from '../../src/index.ts'
import { postgres } from '../../src/postgres.ts'
import { getText, move, payText } from './bank.ts'
import type { Contestant, Surroundings } from './contestant.ts'

type BankCoordinator = Awaited<ReturnType<typeof open>>

/** The work is a function, as `transaction` takes it. */
export async function openAssent(surroundings: Surroundings): Promise<Contestant> {
  const coordinator = await open(surroundings)
  return contestant('assent', coordinator, async (account) => {
    await coordinator.transaction(['left', 'right'], ({ left, right }) =>
      move(left, right, account),
    )
  })
}

/** The statements are known before, as `execute` takes them. */
export async function openAssentExecute(surroundings: Surroundings): Promise<Contestant> {
  const coordinator = await open(surroundings)
  return contestant('assent-execute', coordinator, async (account) => {
    await coordinator.execute({ left: [payText, [account]], right: [getText, [account]] })
  })
}

function open({ bank, directory }: Surroundings) {
  return openCoordinator({
    name: 'bench',
    log: join(directory, 'log'),
    controlSocket: false,
    resources: { left: postgres(bank.left), right: postgres(bank.right) },
  })
}

function contestant(
  name: string,
  coordinator: Pick<BankCoordinator, 'logStatistics' | 'close'>,
  transfer: Contestant['transfer'],
): Contestant {
  return {
    name,
    transfer,
    forcedWrites: () => coordinator.logStatistics().forcedWrites,
    close: async () => {
      await coordinator.close()
    },
  }
}
