/** The code of docs/integrations/sequelize.md, whichever the database. */
import { DataTypes, type Model, type ModelStatic, Sequelize, Transaction } from 'sequelize'
import type { ShopCoordinator } from '../shop.ts'

/** A Sequelize for work in branches, where it is given its connections. */
export function branchSequelize(dialect: 'postgres' | 'mysql'): Sequelize {
  const sequelize = new Sequelize({ dialect, logging: false })
  sequelize.addHook('beforeConnect', () => {
    throw new Error('this Sequelize works in branches only: pass { transaction }')
  })
  return sequelize
}

/** What its calls take as the option `transaction`: the branch whose client this is. */
export function branchOf(sequelize: Sequelize, client: object): Transaction {
  return Object.assign(new Transaction(sequelize, {}), { connection: client })
}

export function itemOf(sequelize: Sequelize): ModelStatic<Model> {
  const id = { type: DataTypes.INTEGER, primaryKey: true }
  const options = { tableName: 'item', timestamps: false }
  return sequelize.define('item', { id, name: DataTypes.STRING }, options)
}

export async function placeOrder<Client extends object>(
  coordinator: ShopCoordinator<Client>,
  sequelize: Sequelize,
  Item: ModelStatic<Model>,
  row: { readonly id: number; readonly name: string },
): Promise<void> {
  await coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
    await Item.create(row, { transaction: branchOf(sequelize, orders) })
    await Item.create(row, { transaction: branchOf(sequelize, stock) })
  })
}
