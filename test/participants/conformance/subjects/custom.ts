/** Participants of the user's own: one that can prepare, and one that can't. */
import type { BranchId } from '../../../../src/core/ids.ts'
import type { Participant } from '../../../../src/participants/contract.ts'
import {
  type CustomBranch,
  custom,
  lastResource,
} from '../../../../src/participants/custom/custom.ts'
import type { Capability, Subject, Work } from '../subject.ts'
import { Ledger } from './ledger.ts'

/** What the work gets: the ledger, and the branch to write for. */
interface Entry {
  readonly ledger: Ledger
  readonly id: BranchId
}

export const customCapabilities: ReadonlySet<Capability> = new Set([
  'prepare',
  'list',
  'read-only-votes',
  'proof-of-fate',
])

export const lastResourceCapabilities: ReadonlySet<Capability> = new Set(['one-phase'])

export function customSubject(): Subject {
  return subjectOver('a custom participant', customCapabilities, (ledger) =>
    custom<Entry>({
      identity: ledger.identity,
      begin: ({ id }) => entryOf(ledger, id),
      prepare: ({ id }) => ledger.prepare(id),
      commit: ({ id }) => ledger.end(id, 'committed'),
      rollback: ({ id }) => ledger.end(id, 'aborted'),
      prepared: () => ledger.prepared(),
    }),
  )
}

export function lastResourceSubject(): Subject {
  return subjectOver('a custom last resource', lastResourceCapabilities, (ledger) =>
    lastResource<Entry>({
      identity: ledger.identity,
      begin: ({ id }) => entryOf(ledger, id),
      commit: ({ id }: CustomBranch) => {
        const isWilling = ledger.prepare(id) !== false
        if (isWilling) ledger.end(id, 'committed')
        return isWilling
      },
      rollback: ({ id }) => void ledger.end(id, 'aborted'),
    }),
  )
}

function subjectOver(
  name: string,
  can: ReadonlySet<Capability>,
  make: (ledger: Ledger) => Participant<Entry>,
): Subject {
  const ledger = new Ledger('here')
  const over = (each: Ledger): ReturnType<Subject['open']> => ({
    participant: make(each) as Participant,
    pool: undefined,
    end: () => Promise.resolve(),
  })
  return {
    name,
    can,
    open: () => over(ledger),
    openElsewhere: () => over(new Ledger('elsewhere')),
    work: (client) => workOf(client as Entry),
    isVisible: async (key) => ledger.has(key),
    preparedIds: async () => ledger.prepared(),
    isPrepared: async (id) => ledger.prepared().includes(id),
    prepareStranger: async (id) => {
      ledger.begin(id)
      ledger.write(id, id)
      ledger.prepare(id)
      return id
    },
    finishOutside: async (id, decision) => void ledger.end(id, decision),
    cleanUp: async () => {
      for (const id of ledger.prepared()) ledger.end(id, 'aborted')
    },
  }
}

function entryOf(ledger: Ledger, id: BranchId): Entry {
  ledger.begin(id)
  return { ledger, id }
}

function workOf({ ledger, id }: Entry): Work {
  return {
    write: async (key) => ledger.write(id, key),
    read: async (key) => ledger.read(id, key),
    fail: async () => ledger.refuse(id),
    changeSession: () => Promise.resolve(),
  }
}
