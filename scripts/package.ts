/** Packs the package as it would be published, into a folder that is gone afterwards. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { repository, runOrThrow } from './command.ts'

/** Builds, packs, and calls `use` with the tarball's path. */
export async function withTarball<Result>(
  use: (tarball: string) => Promise<Result>,
  folder: string = repository,
): Promise<Result> {
  const scratch = await mkdtemp(join(tmpdir(), 'assent-pack-'))
  try {
    const output = await runOrThrow(
      { tool: 'npm', arguments: ['pack', '--json', '--silent', '--pack-destination', scratch] },
      folder,
    )
    return await use(join(scratch, tarballName(output)))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** The name of the tarball in what `npm pack --json` says, after whatever the build said. */
function tarballName(output: string): string {
  const name = /"filename": "([^"]+)"/.exec(output)?.[1]
  if (name === undefined) throw new Error(`npm pack named no tarball:\n${output}`)
  return name
}
