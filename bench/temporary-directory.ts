/** A directory that is gone when its work is done, or when this process exits before. */
import { rmSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Those in use. Processes that write there are killed first, by hooks that were there before. */
const inUse = new Set<string>()

/** What still writes ends within moments. */
const patience = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const

/** Runs `work` with a new directory under `parent`, which is made when missing. */
export async function withDirectory<Value>(
  parent: string | undefined,
  work: (directory: string) => Promise<Value>,
): Promise<Value> {
  if (inUse.size === 0) process.once('exit', removeAll)
  const above = parent ?? tmpdir()
  await mkdir(above, { recursive: true })
  const directory = await mkdtemp(join(above, 'assent-bench-'))
  inUse.add(directory)
  try {
    await chmod(directory, 0o711) // a database server runs as somebody else where we are root
    return await work(directory)
  } finally {
    await rm(directory, patience)
    inUse.delete(directory)
    if (inUse.size === 0) process.off('exit', removeAll)
  }
}

function removeAll(): void {
  for (const directory of inUse) rmSync(directory, patience)
}
