/** Simulated services as a user would bring them in: through `participants/custom`. */
import type { Decision } from '../../core/decision.ts'
import type { BatchStatement, BeginOptions, Participant } from '../../participants/contract.ts'
import {
  type CustomBranch,
  custom,
  type HeuristicEnd,
  lastResource,
} from '../../participants/custom/custom.ts'
import type { AccountClient } from '../database/branch.ts'
import { runInOrder } from '../database/statements.ts'
import { call, type Remote } from './remote.ts'
import type { Changes, Service, ServiceReply } from './service.ts'

/** The work of a branch is kept by the client until it is asked to prepare or to commit. */
class Drafts {
  readonly #changes = new Map<string, Map<string, number>>()

  begin(id: string, { balances }: Service): AccountClient {
    const changes = new Map<string, number>()
    this.#changes.set(id, changes)
    const balanceOf = (account: string): number =>
      (balances.get(account) ?? 0) + (changes.get(account) ?? 0)
    return {
      add: async (account, amount) => {
        changes.set(account, (changes.get(account) ?? 0) + amount)
        return balanceOf(account)
      },
      read: async (account) => balanceOf(account),
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
export function reservingService(remote: Remote): Participant<AccountClient, number> {
  const drafts = new Drafts()
  const { service } = remote
  const participant = custom<AccountClient>({
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
  return takingStatements(participant)
}

/** A service that can only commit; with `hasEvidence` it can be asked whether it did. */
export function committingService(
  remote: Remote,
  hasEvidence: boolean,
): Participant<AccountClient, number> {
  const drafts = new Drafts()
  const { service } = remote
  const participant = lastResource<AccountClient>({
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
  return takingStatements(participant)
}

/** Also takes statements: they are part of the request that reserves or commits, like all its work. */
function takingStatements(
  participant: Participant<AccountClient>,
): Participant<AccountClient, number> {
  return Object.assign(participant, {
    beginBatch: async (options: BeginOptions, statements: readonly BatchStatement[]) => {
      const branch = await participant.begin(options)
      const results = await runInOrder(branch.client, statements)
      return Object.assign(branch, { results, failed: undefined })
    },
    runBatch: runInOrder,
  }) as Participant<AccountClient, number>
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
