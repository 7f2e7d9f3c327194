/** Violations that are planted in what a demo has left, and the audit that must see them. */
import type { Pool } from 'pg'

import { audit } from '../../../src/cli/demo/audit.ts'
import type { Database } from '../../../src/cli/demo/databases.ts'
import { judge } from '../../../src/cli/demo/evidence.ts'
import { sides } from '../../../src/cli/demo/plan.ts'

export interface Plant {
  readonly what: string
  readonly plant: readonly Change[]
  readonly undo: readonly Change[]
  readonly check: readonly string[]
}

type Change = readonly ['left' | 'right', string]

export function plants(schema: string): readonly Plant[] {
  const add = (coins: number): string =>
    `update ${schema}.account set balance = balance + ${coins} where id = 1`
  const gid = `assent.demo-${schema.slice('assent_demo_'.length)}.0123456789abc.1.1.0`
  const across = `(select min(transfer) from ${schema}.journal where spans = 2)`
  return [
    {
      what: 'a coin from nowhere',
      plant: [['left', add(1)]],
      undo: [['left', add(-1)]],
      check: ['no money was made or lost', 'each database has what its journal says'],
    },
    {
      what: 'a coin that moved without a journal',
      plant: [
        ['left', add(1)],
        ['right', add(-1)],
      ],
      undo: [
        ['left', add(-1)],
        ['right', add(1)],
      ],
      check: ['each database has what its journal says'],
    },
    {
      what: 'half a transfer',
      plant: [
        [
          'right',
          `create table ${schema}.hidden as select * from ${schema}.journal where transfer = ${across}`,
        ],
        [
          'right',
          `delete from ${schema}.journal where transfer in (select transfer from ${schema}.hidden)`,
        ],
      ],
      undo: [
        ['right', `insert into ${schema}.journal select * from ${schema}.hidden`],
        ['right', `drop table ${schema}.hidden`],
      ],
      check: [
        'each transfer happened everywhere or nowhere',
        'each database has what its journal says',
      ],
    },
    {
      what: 'a branch that stayed prepared',
      plant: [['right', `begin; ${add(1)}; prepare transaction '${gid}'`]],
      undo: [['right', `rollback prepared '${gid}'`]],
      check: ['no branch is left prepared'],
    },
    {
      what: 'a transfer by a transaction that the log has not committed',
      plant: sides.map(
        (side): Change => [
          side,
          `update ${schema}.journal set transaction = transaction || 'zzz' where transfer = ${across}`,
        ],
      ),
      undo: sides.map(
        (side): Change => [
          side,
          `update ${schema}.journal set transaction = left(transaction, -3) where transfer = ${across}`,
        ],
      ),
      check: ['the decision log agrees with the data'],
    },
  ]
}

type Pools = Readonly<Record<'left' | 'right', Pool>>

export async function apply(pools: Pools, changes: readonly Change[]): Promise<void> {
  for (const [side, statement] of changes) await pools[side].query(statement)
}

export async function failedChecks(pools: Pools, schema: string, log: string): Promise<string[]> {
  const databases = sides.map((side): Database => {
    return { side, url: '', shownUrl: '', pool: pools[side], server: undefined }
  })
  const { evidence } = await audit({
    databases,
    schema,
    installation: schema.replace('assent_demo_', 'demo-'),
    log,
    before: { left: 1_000_000, right: 1_000_000 },
    inDoubt: [],
    problems: [],
  })
  return judge(evidence).flatMap(({ name, held }) => (held ? [] : [name]))
}
