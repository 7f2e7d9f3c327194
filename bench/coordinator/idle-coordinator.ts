/** A coordinator over two participants that do nothing, its log forced. */
import { join } from 'node:path'
import { type Coordinator, openCoordinator } from '../../src/index.ts'
import { idleParticipant } from '../idle-participant.ts'

export type IdleCoordinator = Coordinator<
  Record<'left' | 'right', ReturnType<typeof idleParticipant>>
>

export function openIdle(directory: string): Promise<IdleCoordinator> {
  return openCoordinator({
    name: 'bench',
    log: join(directory, 'log'),
    controlSocket: false,
    maxActive: 100_000,
    resources: { left: idleParticipant('left'), right: idleParticipant('right') },
  })
}

export const commitIdle = (coordinator: IdleCoordinator): Promise<unknown> =>
  coordinator.transaction(['left', 'right'], () => undefined)

/** Runs `work` with a new one, which has no log and no outcomes yet. */
export async function withIdle<Value>(
  directory: string,
  work: (coordinator: IdleCoordinator) => Promise<Value>,
): Promise<Value> {
  const coordinator = await openIdle(directory)
  try {
    return await work(coordinator)
  } finally {
    await coordinator.close()
  }
}
