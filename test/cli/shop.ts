/**
 * A small application over resources of every temper, for tests of what an operator can see and do.
 * The resources are objects in memory, and say so: what is tested is the coordinator and its log.
 */
import {
  type Coordinator,
  custom,
  isAssentError,
  lastResource,
  openCoordinator,
  type Participant,
} from '../../src/index.ts'

/** Calls that the resources got: `orders commit <branch id>`. */
export type Calls = string[]

export interface ShopOptions {
  readonly controlSocket?: boolean
  /** Ids of branches that are prepared at `stock`, whoever prepared them. */
  readonly preparedAtStock?: () => readonly string[]
}

export interface Shop {
  readonly coordinator: Coordinator<Readonly<Record<ResourceName, Participant>>>
  readonly calls: Calls
  /** Lets `stock` answer again. */
  mendStock(): void
}

type ResourceName = 'orders' | 'stock' | 'nightly' | 'bank'

/**
 * `orders` does what it is told; `stock` is down once it has prepared; `nightly` has rolled back
 * by itself when it is told to commit; `bank` can't prepare, and loses the answer of its commit.
 */
export async function openShop(log: string, options: ShopOptions = {}): Promise<Shop> {
  const { controlSocket = true, preparedAtStock } = options
  const calls: Calls = []
  let isStockDown = true
  const obedient = (name: string): Parameters<typeof custom>[0] => ({
    prepare: () => true,
    commit: ({ id }) => void calls.push(`${name} commit ${id}`),
    rollback: ({ id }) => void calls.push(`${name} rollback ${id}`),
  })
  const resources: Readonly<Record<ResourceName, Participant>> = {
    orders: custom(obedient('orders')),
    stock: custom({
      ...obedient('stock'),
      commit: ({ id }) => {
        if (isStockDown && !preparedAtStock?.().includes(id)) throw new Error('stock is down')
        calls.push(`stock commit ${id}`)
      },
      ...(preparedAtStock === undefined ? {} : { prepared: preparedAtStock }),
    }),
    nightly: custom({
      ...obedient('nightly'),
      commit: () => ({ heuristic: 'rolled-back', detail: 'the \x1b[31mnightly\nrun ended it' }),
    }),
    bank: lastResource({
      commit: () => {
        throw new Error('socket hang up')
      },
      rollback: () => undefined,
    }),
  }
  const coordinator = await openCoordinator({ name: 'shop', log, resources, controlSocket })
  return {
    coordinator,
    calls,
    mendStock: () => {
      isStockDown = false
    },
  }
}

/** A transaction that stays undelivered at `stock`; its id. */
export function makeUndelivered(shop: Shop): Promise<string> {
  return idOf(shop, ['orders', 'stock'])
}

/** A transaction that is held; its id. */
export function makeHeld(shop: Shop): Promise<string> {
  return idOf(shop, ['orders', 'bank'])
}

/** A transaction that ended with a heuristic; its id. */
export function makeHeuristic(shop: Shop): Promise<string> {
  return idOf(shop, ['orders', 'nightly'])
}

async function idOf({ coordinator }: Shop, names: readonly ResourceName[]): Promise<string> {
  let id = ''
  try {
    await coordinator.transaction(
      names,
      ({ tx }) => {
        id = tx.id
      },
      { settleWaitMs: 1 },
    )
  } catch (error) {
    const isExpected =
      isAssentError(error, 'ASSENT_OUTCOME_UNKNOWN') || isAssentError(error, 'ASSENT_HEURISTIC')
    if (!isExpected) throw error
  }
  return id
}
