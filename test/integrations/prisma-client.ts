/** A Prisma client, generated for the tests from a schema of ours into a temporary directory. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

import { repository } from '../../scripts/command.ts'

const schemaFor = (provider: Provider, models: string): string => `
  generator client {
    provider               = "prisma-client"
    output                 = "./generated"
    importFileExtension    = "ts"
    generatedFileExtension = "ts"
  }
  datasource db {
    provider = "${provider}"
  }
  model Item {
    id   Int    @id
    name String
    @@map("item")
  }
  ${models}
`

type Provider = 'postgresql' | 'mysql'

export interface Item {
  readonly id: number
  readonly name: string
}

/** What the tests use of the client that is generated for the schema above. */
export interface PrismaTransaction {
  readonly item: {
    create(call: { readonly data: Item }): PromiseLike<Item>
    update(call: { where: { id: number }; data: { name: string } }): PromiseLike<Item>
    updateMany(call: { where: { id: number }; data: { name: string } }): PromiseLike<unknown>
    findMany(call: { readonly orderBy: { readonly id: 'asc' } }): PromiseLike<Item[]>
    findUnique(call: { readonly where: { readonly id: number } }): PromiseLike<Item | null>
  }
  $executeRawUnsafe(text: string): PromiseLike<number>
}

export interface PrismaClient extends PrismaTransaction {
  $transaction<Value>(
    work: (tx: PrismaTransaction) => Promise<Value>,
    options?: { readonly isolationLevel?: string },
  ): Promise<Value>
  $transaction(queries: readonly PromiseLike<unknown>[]): Promise<unknown[]>
  $disconnect(): Promise<void>
}

export type PrismaClientClass = new (options: { readonly adapter: unknown }) => PrismaClient

export interface GeneratedClient {
  readonly PrismaClient: PrismaClientClass
  remove(): Promise<void>
}

/**
 * Generates a client for the table `item` and for `models`, as a schema writes them. By the command
 * line of the installed version, which needs no engine and no network for it.
 */
export async function generatePrismaClient(
  provider: Provider,
  models = '',
): Promise<GeneratedClient> {
  const directory = await mkdtemp(join(tmpdir(), 'assent-prisma-'))
  const schema = join(directory, 'schema.prisma')
  await writeFile(schema, schemaFor(provider, models))
  // The generated files import Prisma's own runtime by its name.
  await symlink(join(repository, 'node_modules'), join(directory, 'node_modules'), 'dir')
  const prisma = join(repository, 'node_modules/prisma/build/index.js')
  await promisify(execFile)(process.execPath, [prisma, 'generate', '--schema', schema], {
    cwd: directory,
    env: {
      ...process.env,
      // Any file that is there keeps it from looking for the engine that only migrations use.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: 'true',
      CHECKPOINT_DISABLE: '1',
    },
  })
  const generated = pathToFileURL(join(directory, 'generated/client.ts')).href
  const { PrismaClient }: { PrismaClient: PrismaClientClass } = await import(generated)
  return { PrismaClient, remove: () => rm(directory, { recursive: true, force: true }) }
}
