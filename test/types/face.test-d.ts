/** The types of the face, as its users meet them. The compiler is the test: nothing here runs. */
import { expectTypeOf } from 'expect-type'
import { Pool, type PoolClient } from 'pg'

import {
  AssentError,
  type Coordinator,
  type CustomBranch,
  custom,
  isAssentError,
  lastResource,
  type OpenCoordinatorOptions,
  type Outcome,
  openCoordinator,
  type Transacted,
  type Transaction,
  type TransactionId,
  type VoteReport,
} from '../../src/index.ts'
import { postgres } from '../../src/postgres.ts'

interface Ledger {
  pay(amount: number): Promise<void>
}

declare const ledger: Ledger
const resources = {
  orders: postgres(new Pool()),
  ledger: custom({
    begin: () => ledger,
    prepare: () => true,
    commit: () => undefined,
    rollback: () => undefined,
  }),
  mail: lastResource({ commit: () => true, rollback: () => undefined }),
}
const coordinator = await openCoordinator({ name: 'shop', log: './transactions', resources })
type Shop = typeof resources

expectTypeOf(coordinator).toEqualTypeOf<Coordinator<Shop>>()

// Decisions in files or in a resource: one of the two, and a resource that is there.
expectTypeOf(
  await openCoordinator({ name: 'shop', decisions: { in: 'orders', create: true }, resources }),
).toEqualTypeOf<Coordinator<Shop>>()
// @ts-expect-error: neither says where
await openCoordinator({ name: 'shop', resources })
// @ts-expect-error: both say where
await openCoordinator({ name: 'shop', log: './x', decisions: { in: 'orders' }, resources })
// @ts-expect-error: no such resource
await openCoordinator({ name: 'shop', decisions: { in: 'orderz' }, resources })
// @ts-expect-error: the socket is one of a directory
await openCoordinator({ name: 'a', decisions: { in: 'orders' }, controlSocket: true, resources })
declare const options: OpenCoordinatorOptions<Shop>
expectTypeOf(await openCoordinator(options)).toEqualTypeOf<Coordinator<Shop>>()

// A declared transaction: one typed client for each name, `tx`, and the work's own value.
const value = await coordinator.transaction(['orders', 'ledger'], async (clients) => {
  expectTypeOf(clients).toHaveProperty('tx')
  expectTypeOf(clients.orders).toExtend<PoolClient>()
  expectTypeOf(clients.ledger).toEqualTypeOf<Ledger>()
  expectTypeOf(clients.tx).toEqualTypeOf<Transaction<Shop>>()
  // @ts-expect-error: it was not named
  clients.mail
  const { rows } = await clients.orders.query<{ id: number }>('select id from orders')
  return rows[0]?.id
})
expectTypeOf(value).toEqualTypeOf<number | undefined>()

// Where no client of its own is made, a custom participant's client is its branch.
await coordinator.transaction(['mail'], ({ mail }) => {
  expectTypeOf(mail).toEqualTypeOf<CustomBranch>()
})

// Names that were not configured do not compile, in any form.
// @ts-expect-error: no such resource
void coordinator.transaction(['order'], () => 1)
// @ts-expect-error: no such resource
void coordinator.transaction(['orders', 'legder'], () => 1)
// @ts-expect-error: no such resource
void coordinator.join('order')
// @ts-expect-error: no such resource
void coordinator.transaction((tx) => tx.join('order'))
// @ts-expect-error: names are texts, not resources
void coordinator.transaction([resources.orders], () => 1)

// The dynamic form.
const joined = await coordinator.transaction(async (tx) => {
  expectTypeOf(tx).toEqualTypeOf<Transaction<Shop>>()
  expectTypeOf(tx.id).toEqualTypeOf<TransactionId>()
  expectTypeOf(tx.signal).toExtend<AbortSignal>()
  expectTypeOf(await tx.join('ledger')).toEqualTypeOf<Ledger>()
  expectTypeOf(await coordinator.join('mail')).toEqualTypeOf<CustomBranch>()
  return 'text' as const
})
expectTypeOf(joined).toEqualTypeOf<'text'>()

// A value that is no promise is a value, too; so is nothing.
expectTypeOf(coordinator.transaction(() => 5)).toEqualTypeOf<Promise<number>>()
expectTypeOf(coordinator.transaction(['mail'], () => undefined)).toEqualTypeOf<Promise<undefined>>()

// Options are typed by the names that are declared.
await coordinator.transaction(['orders'], () => 1, {
  timeoutMs: 5_000,
  settleWaitMs: 100,
  signal: AbortSignal.timeout(1_000),
  isolation: { orders: 'serializable' },
  readOnly: ['orders'],
  retry: { attempts: 3 },
  propagation: 'nested',
})
// @ts-expect-error: ledger takes no part
void coordinator.transaction(['orders'], () => 1, { isolation: { ledger: 'serializable' } })
// @ts-expect-error: ledger takes no part
void coordinator.transaction(['orders'], () => 1, { readOnly: ['ledger'] })
// @ts-expect-error: no such propagation
void coordinator.transaction(['orders'], () => 1, { propagation: 'nesting' })
// @ts-expect-error: seconds are not asked for
void coordinator.transaction(['orders'], () => 1, { timeout: 5 })
await coordinator.transaction((tx) => tx.join('orders'), { isolation: { orders: 'serializable' } })
// @ts-expect-error: no such resource
void coordinator.transaction((tx) => tx.join('orders'), { readOnly: ['order'] })

// Where there may be no transaction, the work has to look.
await coordinator.transaction(
  (tx) => {
    expectTypeOf(tx).toEqualTypeOf<Transaction<Shop> | undefined>()
  },
  { propagation: 'supports' },
)
expectTypeOf(coordinator.current).toEqualTypeOf<Transaction<Shop> | undefined>()

// Details, outcomes and what operators do.
expectTypeOf(await coordinator.transact(['mail'], () => 5)).toEqualTypeOf<Transacted<number>>()
expectTypeOf(await coordinator.outcome('x')).toEqualTypeOf<Outcome>()
await coordinator.resolve('x', 'committed', { by: 'Ada', reason: 'seen', resource: 'orders' })
// @ts-expect-error: an act is signed
void coordinator.resolve('x', 'committed', { by: 'Ada' })
// @ts-expect-error: there are two decisions
void coordinator.resolve('x', 'commit', { by: 'Ada', reason: 'seen' })
await coordinator.forget('x', { by: 'Ada', reason: 'seen' })
expectTypeOf(coordinator.detached(() => 5)).toEqualTypeOf<number>()

// Errors are told apart by their codes, and each code has its own fields.
declare const thrown: unknown
if (isAssentError(thrown, 'ASSENT_ABORTED_BY_VOTE')) {
  expectTypeOf(thrown.fields.votes).toEqualTypeOf<readonly VoteReport[]>()
  expectTypeOf(thrown.retry).toEqualTypeOf<'safe' | 'after-outcome' | 'never'>()
}
if (isAssentError(thrown)) {
  expectTypeOf(thrown).toEqualTypeOf<AssentError>()
  if (thrown.code === 'ASSENT_TIMED_OUT') expectTypeOf(thrown.effect).toBeString()
}
// @ts-expect-error: no such code
isAssentError(thrown, 'ASSENT_NO_SUCH')
// @ts-expect-error: the fields of the code are missing
new AssentError('ASSENT_OVERLOADED', 'too many', {})

// What a custom participant must promise is in its type.
// @ts-expect-error: it can't roll back
custom({ prepare: () => true, commit: () => undefined })
// @ts-expect-error: a vote is a boolean or 'read-only'
custom({ prepare: () => 'yes', commit: () => undefined, rollback: () => undefined })
// @ts-expect-error: a last resource has to say whether it committed
lastResource({ commit: () => undefined, rollback: () => undefined })
custom({
  prepare: async () => 'read-only' as const,
  commit: async () => ({ heuristic: 'hazard' as const, detail: 'expired' }),
  rollback: async () => undefined,
  prepared: async () => [],
})

// Options of the coordinator.
// @ts-expect-error: a name is part of every id
void openCoordinator({ log: './transactions', resources })
// @ts-expect-error: it accepts only names that it has
void openCoordinator({ name: 'shop', log: './transactions', resources, acceptChanged: ['order'] })
