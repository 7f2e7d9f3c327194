/** Sequelize in a branch. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Model, type ModelStatic, Sequelize, type Transaction } from 'sequelize'

import { mariadbSuite } from '../harness/mariadb.ts'
import { postgresSuite } from '../harness/postgres.ts'
import { behaviours } from './behaviours/all.ts'
import { type Items, type Library, thrownBy } from './library.ts'
import { mariadbShop } from './mariadb.ts'
import { codeUnder } from './pages/errors.ts'
import { branchOf, branchSequelize, itemOf, placeOrder } from './pages/sequelize.ts'
import { postgresShop } from './postgres.ts'
import type { Shop } from './shop.ts'

class Tables {
  readonly sequelize: Sequelize
  readonly Item: ModelStatic<Model>

  constructor(dialect: 'postgres' | 'mysql') {
    this.sequelize = branchSequelize(dialect)
    this.Item = itemOf(this.sequelize)
  }

  items(transaction: Transaction): Items {
    const { Item, sequelize } = this
    return {
      add: (id, name) => Item.create({ id, name }, { transaction }),
      rename: (id, name) => Item.update({ name }, { where: { id }, transaction }),
      names: async () => {
        const found = await Item.findAll({ order: ['id'], transaction })
        return found.map((each) => String(each.get('name')))
      },
      send: (text) => sequelize.query(text, { transaction }),
      transaction: (work) => sequelize.transaction({ transaction }, (own) => work(this.items(own))),
    }
  }
}

function sequelizeLibrary(tables: Tables): Library<object> {
  return {
    secondTransaction: 'passes',
    items: (client) => tables.items(branchOf(tables.sequelize, client)),
    ownPool: (url) => {
      const own = new Sequelize(url, { logging: false, pool: { max: 1 } })
      return { query: () => own.query('select name from item'), close: () => own.close() }
    },
  }
}

/** What is Sequelize's own, on either database. */
const more =
  ({ sequelize, Item }: Tables) =>
  <Client extends object>(shop: () => Shop<Client>): void => {
    test('runs the code of its page', async () => {
      await placeOrder(shop().coordinator, sequelize, Item, { id: 1, name: 'chair' })
      assert.deepEqual(await shop().seen(), { orders: ['chair'], stock: ['chair'] })
    })

    test('what stands for the branch can not end it', async () => {
      await shop().coordinator.transaction(['orders', 'stock'], async ({ orders }) => {
        const row = { id: 1, name: 'chair' }
        await Item.create(row, { transaction: branchOf(sequelize, orders) })
        for (const end of ['commit', 'rollback'] as const) {
          const thrown = await thrownBy(branchOf(sequelize, orders)[end]())
          assert.equal(codeUnder(thrown), 'ASSENT_STATEMENT_REFUSED')
        }
      })
      assert.deepEqual((await shop().seen()).orders, ['chair'])
    })

    test('a call that forgets its transaction fails, and goes nowhere else', async () => {
      const thrown = await thrownBy(
        shop().coordinator.transaction(['orders', 'stock'], async ({ orders }) => {
          const transaction = branchOf(sequelize, orders)
          await Item.create({ id: 1, name: 'chair' }, { transaction })
          await Item.create({ id: 2, name: 'table' })
        }),
      )
      assert.match(String(thrown), /works in branches only/)
      assert.deepEqual(await shop().seen(), { orders: [], stock: [] })
    })
  }

await postgresSuite('Sequelize on PostgreSQL', (servers) => {
  const tables = new Tables('postgres')
  behaviours(sequelizeLibrary(tables), () => postgresShop(servers), more(tables))
})

await mariadbSuite('Sequelize on MariaDB', (servers) => {
  const tables = new Tables('mysql')
  behaviours(sequelizeLibrary(tables), () => mariadbShop(servers), more(tables))
})
