/** Simulated services as a user would bring them in: through `participants/custom`. */
import type { Decision } from '../../core/decision.ts'
import type { Participant } from '../../participants/contract.ts'
import {
  type CustomBranch,
  custom,
  type HeuristicEnd,
  lastResource,
} from '../../participants/custom/custom.ts'
import type { AccountClient } from '../database/branch.ts'
import { call, type Remote } from './remote.ts'
import type { Changes, Service, ServiceReply } from './service.ts'

/** The work of a branch is kept by the client until it is asked to prepare or to commit. */
class Drafts {
  readonly #changes = new Map<string, Map<string, number>>()

  begin(id: string, { balances }: Service): AccountClient {
    const changes = new Map<string, number>()
    this.#changes.set(id, changes)
    return {
      add: async (account, amount) => {
        changes.set(account, (changes.get(account) ?? 0) + amount)
      },
      read: async (account) => (balances.get(account) ?? 0) + (changes.get(account) ?? 0),
    }
  }

  of(id: string): Changes {
    return this.#changes.get(id) ?? new Map()
  }

  /** Whether this process began the branch and nothing was written in it. */
  isReadOnly(id: string): boolean {
    return this.#changes.get(id)?.size === 0
  }
}

/** A service that reserves, confirms and cancels. */
export function reservingService(remote: Remote): Participant<AccountClient> {
  const drafts = new Drafts()
  const { service } = remote
  return custom<AccountClient>({
    identity: service.name,
    check: async () => {
      await call(remote, { type: 'ping' })
    },
    begin: ({ id }) => drafts.begin(id, service),
    prepare: async ({ id }) => {
      if (drafts.isReadOnly(id)) return 'read-only'
      return isOk(await call(remote, { type: 'reserve', id, changes: drafts.of(id) }))
    },
    commit: async ({ id }) => {
      if (drafts.isReadOnly(id)) return undefined
      return heuristicUnless('confirmed', id, await call(remote, { type: 'confirm', id }))
    },
    rollback: async ({ id }) => {
      return heuristicUnless('cancelled', id, await call(remote, { type: 'cancel', id }))
    },
    prepared: async () => {
      const reply = await call(remote, { type: 'list' })
      return reply.type === 'list' ? reply.ids : []
    },
  })
}

/** A service that can only commit; with `hasEvidence` it can be asked whether it did. */
export function committingService(
  remote: Remote,
  hasEvidence: boolean,
): Participant<AccountClient> {
  const drafts = new Drafts()
  const { service } = remote
  return lastResource<AccountClient>({
    identity: service.name,
    check: async () => {
      await call(remote, { type: 'ping' })
    },
    begin: ({ id }: CustomBranch) => drafts.begin(id, service),
    commit: async ({ id }) => {
      return isOk(await call(remote, { type: 'commit', id, changes: drafts.of(id) }))
    },
    rollback: async ({ id }) => {
      await call(remote, { type: 'cancel', id })
    },
    ...(hasEvidence
      ? {
          evidence: async (id): Promise<Decision | 'unknown'> => {
            const reply = await call(remote, { type: 'evidence', id })
            if (reply.type !== 'ended') return 'unknown'
            return reply.as === 'confirmed' ? 'committed' : 'aborted'
          },
        }
      : {}),
  })
}

function isOk(reply: ServiceReply): boolean {
  return reply.type === 'ok'
}

function heuristicUnless(
  wanted: 'confirmed' | 'cancelled',
  id: string,
  reply: ServiceReply,
): HeuristicEnd | undefined {
  if (reply.type === 'ok') return undefined
  if (reply.type !== 'ended') return { heuristic: 'hazard', detail: `${id} is not known` }
  const heuristic = wanted === 'confirmed' ? 'rolled-back' : 'committed'
  return { heuristic, detail: `${id} was ${reply.as}` }
}
