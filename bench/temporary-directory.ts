/** A directory that is gone when its work is done. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Runs `work` with a new directory under `parent`, which is made when missing. */
export async function withDirectory<Value>(
  parent: string | undefined,
  work: (directory: string) => Promise<Value>,
): Promise<Value> {
  const above = parent ?? tmpdir()
  await mkdir(above, { recursive: true })
  const directory = await mkdtemp(join(above, 'assent-bench-'))
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
