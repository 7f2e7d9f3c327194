/** Violations that are planted in what a demo has left, and the audit that must see them. */
import assert from 'node:assert/strict'

import { audit } from '../../../src/cli/demo/audit.ts'
import type { Database, DatabaseKind } from '../../../src/cli/demo/database.ts'
import { judge } from '../../../src/cli/demo/evidence.ts'
import type { KeptDecisions } from '../../../src/cli/demo/kept-decisions.ts'
import type { Side } from '../../../src/cli/demo/plan.ts'
import type { BranchId } from '../../../src/core/ids.ts'
import { xidOf } from '../../../src/participants/mysql/xid.ts'

interface Plant {
  readonly what: string
  readonly plant: readonly Change[]
  readonly undo: readonly Change[]
  readonly check: readonly string[]
}

/** Statements for one session of one database. */
type Change = readonly [Side, ...statements: string[]]

/** What a test needs of a pool that always gives the same session. */
interface Session {
  query(statement: string): Promise<unknown>
}

/** The two databases of a demo that has kept them, and a session in each for the tests. */
export interface Kept {
  readonly databases: readonly [left: Database, right: Database]
  readonly sessions: Readonly<Record<Side, Session>>
  readonly bank: string
  readonly decisions: KeptDecisions
}

/** Nothing is found as it was kept, and each planted violation by its checks alone. */
export async function assertPlantsSeen(kept: Kept): Promise<void> {
  try {
    assert.deepEqual(await failedChecks(kept), [])
    for (const { what, plant, undo, check } of plants(kept)) {
      await apply(kept, plant)
      assert.deepEqual(await failedChecks(kept), check, what)
      await apply(kept, undo)
      assert.deepEqual(await failedChecks(kept), [], `undoing: ${what}`)
    }
  } finally {
    await Promise.all(kept.databases.map((database) => database.end()))
  }
}

function plants({ databases, bank }: Kept): readonly Plant[] {
  const [left, right] = databases
  const add = (database: Database, coins: number): string =>
    `update ${database.tables(bank).account} set balance = balance + ${coins} where id = 1`
  const id = storedIdOf(`assent.${installationOf(bank)}.0123456789abc.1.1.0`, right)
  const { journal } = right.tables(bank)
  const hidden = `${journal}_hidden`
  const across = (database: Database): string => {
    const table = database.tables(bank).journal
    return `transfer = (select it from (select min(transfer) as it from ${table} where spans = 2) as found)`
  }
  return [
    {
      what: 'a coin from nowhere',
      plant: [['left', add(left, 1)]],
      undo: [['left', add(left, -1)]],
      check: ['no money was made or lost', 'each database has what its journal says'],
    },
    {
      what: 'a coin that moved without a journal',
      plant: [
        ['left', add(left, 1)],
        ['right', add(right, -1)],
      ],
      undo: [
        ['left', add(left, -1)],
        ['right', add(right, 1)],
      ],
      check: ['each database has what its journal says'],
    },
    {
      what: 'half a transfer',
      plant: [
        [
          'right',
          `create table ${hidden} as select * from ${journal} where ${across(right)}`,
          `delete from ${journal} where transfer in (select transfer from ${hidden})`,
        ],
      ],
      undo: [['right', `insert into ${journal} select * from ${hidden}`, `drop table ${hidden}`]],
      check: ['each transfer is everywhere or nowhere', 'each database has what its journal says'],
    },
    {
      what: 'a branch that stayed prepared',
      plant: [['right', ...preparing[right.kind](id, add(right, 1))]],
      undo: [['right', rollingBack[right.kind](id)]],
      check: ['no branch is left prepared'],
    },
    {
      what: 'a transfer by a transaction that the log has not committed',
      plant: databases.map((each) =>
        marking(each, bank, `concat(transaction, 'zzz')`, across(each)),
      ),
      undo: databases.map((each) =>
        marking(each, bank, `replace(transaction, 'zzz', '')`, across(each)),
      ),
      check: ['the decision log agrees with the data'],
    },
  ]
}

function marking(database: Database, bank: string, mark: string, where: string): Change {
  return [
    database.side,
    `update ${database.tables(bank).journal} set transaction = ${mark} where ${where}`,
  ]
}

/** As a statement of that database takes it. */
function storedIdOf(id: string, { kind, url }: Database): string {
  return kind === 'postgres' ? `'${id}'` : xidOf(id as BranchId, new URL(url).pathname.slice(1))
}

const preparing: Readonly<Record<DatabaseKind, (id: string, statement: string) => string[]>> = {
  postgres: (gid, statement) => ['begin', statement, `prepare transaction ${gid}`],
  mysql: (xid, statement) => [`xa start ${xid}`, statement, `xa end ${xid}`, `xa prepare ${xid}`],
}

const rollingBack: Readonly<Record<DatabaseKind, (id: string) => string>> = {
  postgres: (gid) => `rollback prepared ${gid}`,
  mysql: (xid) => `xa rollback ${xid}`,
}

async function apply({ sessions }: Kept, changes: readonly Change[]): Promise<void> {
  for (const [side, ...statements] of changes) {
    for (const statement of statements) await sessions[side].query(statement)
  }
}

async function failedChecks({ databases, bank, decisions }: Kept): Promise<string[]> {
  const { evidence } = await audit({
    databases,
    bank,
    installation: installationOf(bank),
    decisions,
    before: { left: 1_000_000, right: 1_000_000 },
    inDoubt: [],
    problems: [],
  })
  return judge(evidence).flatMap(({ name, held }) => (held ? [] : [name]))
}

function installationOf(bank: string): string {
  return bank.replace('assent_demo_', 'demo-')
}
