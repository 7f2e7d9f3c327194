/** Findings of a log directory: how each is provoked on a real one, and how grave it is. */
import { open, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Finding, findingAt, type ReportedFinding } from '../../src/core/findings.ts'
import { judgeFileSystem } from '../../src/doctor/file-systems.ts'
import { judgeLog } from '../../src/doctor/log-findings.ts'
import { custom, openCoordinator } from '../../src/index.ts'
import { surveyLog } from '../../src/node/log-survey.ts'
import { makeHeld, openShop } from '../cli/shop.ts'
import { SmallFileSystem } from '../crash/small-file-system.ts'
import { Child } from '../node/child.ts'
import type { Provocation } from './examination.ts'

export interface LogProvocation extends Provocation {
  /** Answers undefined where this machine can't be brought to it. */
  readonly provoke: (directory: string) => Promise<readonly Finding[] | undefined>
}

const mebibyte = 1024 * 1024

/** What the doctor says of a directory; nothing of it is ours unless `own` says so. */
export async function findingsOf(
  directory: string,
  expected: { readonly slots?: number; readonly retentionBytes?: number } = {},
): Promise<readonly Finding[]> {
  const { slots = 64, retentionBytes = mebibyte } = expected
  const survey = await surveyLog(directory, [])
  return judgeLog(survey, { installation: 'shop', slots, retentionBytes }).map(ofLog)
}

function ofLog(reported: ReportedFinding): Finding {
  return findingAt(undefined, reported)
}

/** As Linux would number a file system that this machine does not have. */
function numbered(type: number): readonly Finding[] {
  const found = judgeFileSystem({
    directory: '/srv/transactions',
    installation: undefined,
    problem: undefined,
    damage: undefined,
    fileSystem: { platform: 'linux', type, freeBytes: 2 ** 40, freeFiles: 1_000 },
    segmentBytes: 4 * mebibyte,
    slots: [],
  })
  return found === undefined ? [] : [ofLog(found)]
}

/** A file system of that size, and what the doctor says of a log on it. */
async function onSmallDisk(sizeBytes: number): Promise<readonly Finding[] | undefined> {
  const disk = await SmallFileSystem.mount(sizeBytes)
  if (disk === undefined) return undefined
  try {
    return await findingsOf(join(disk.directory, 'transactions'), { retentionBytes: 64 * mebibyte })
  } finally {
    await disk.remove()
  }
}

/** A log that a process of the name has used, and closed in order. */
export async function makeLog(directory: string, name = 'shop'): Promise<void> {
  const coordinator = await openCoordinator({
    name,
    log: directory,
    resources: {
      mail: custom({ prepare: () => true, commit: () => undefined, rollback: () => undefined }),
    },
  })
  await coordinator.close()
}

const at = undefined

export const ofLogs: readonly LogProvocation[] = [
  {
    id: 'log-unusable',
    severity: 'error',
    by: 'a file in the place of the directory',
    at,
    says: /can not be used by this account: .*transactions is not a directory$/,
    look: /^ls -ld /,
    provoke: async (directory) => {
      await writeFile(directory, '')
      return await findingsOf(directory)
    },
  },
  {
    id: 'log-of-another-installation',
    severity: 'error',
    by: 'a log that was made under another name',
    at,
    says: /belongs to 'mail', and not to 'shop'$/,
    provoke: async (directory) => {
      await makeLog(directory, 'mail')
      return await findingsOf(directory)
    },
  },
  {
    id: 'log-damaged',
    severity: 'error',
    by: 'a byte of a checkpoint that was changed',
    at,
    says: /slot-0: The decision log is damaged/,
    provoke: async (directory) => {
      await makeLog(directory)
      const slot = join(directory, 'slot-0')
      const name = (await readdir(slot)).find((each) => each.endsWith('.checkpoint')) ?? ''
      const file = await open(join(slot, name), 'r+')
      await file.write(new Uint8Array([0xff]), 0, 1, 20)
      await file.close()
      return await findingsOf(directory)
    },
  },
  {
    id: 'log-volatile',
    severity: 'error',
    by: 'a tmpfs',
    at,
    says: /is on tmpfs, which is memory and no disk$/,
    look: /^df -T /,
    provoke: () => onSmallDisk(100 * mebibyte),
  },
  {
    id: 'log-in-container-layer',
    severity: 'warning',
    by: "the number of overlay (a machine's own can't be relied on)",
    at,
    says: /is on overlay, a container's own layer/,
    look: /^df -T /,
    provoke: async () => numbered(0x794c7630),
  },
  {
    id: 'log-on-shared-file-system',
    severity: 'warning',
    by: 'the number of NFS',
    at,
    says: /is on NFS: an `async` export/,
    look: /^df -T /,
    provoke: async () => numbered(0x6969),
  },
  {
    id: 'log-file-system-unknown',
    severity: 'notice',
    by: 'a number that is of no file system',
    at,
    says: /is on a file system of the type 0xbadcafe$/,
    look: /^df -T /,
    provoke: async () => numbered(0xbadcafe),
  },
  {
    id: 'log-space-out',
    severity: 'error',
    by: 'a tmpfs of 4 MiB',
    at,
    says: /^\d MiB are free under .*, and the next files take 8 MiB$/,
    look: /^df -h /,
    besides: ['log-volatile'],
    provoke: () => onSmallDisk(4 * mebibyte),
  },
  {
    id: 'log-space-low',
    severity: 'warning',
    by: 'a tmpfs of 32 MiB',
    at,
    says: /^3\d MiB are free under .* of 1 process may grow to 72 MiB$/,
    look: /^df -h /,
    besides: ['log-volatile'],
    provoke: () => onSmallDisk(32 * mebibyte),
  },
  {
    id: 'log-slots-taken',
    severity: 'error',
    by: 'a live process, and room for one',
    at,
    says: /^live processes hold all 1 slots of /,
    look: /^assent list --log /,
    provoke: async (directory) => {
      const { coordinator } = await openShop(directory)
      const findings = await findingsOf(directory, { slots: 1 })
      await coordinator.close()
      return findings
    },
  },
  {
    id: 'log-abandoned',
    severity: 'warning',
    by: 'a process that was killed with work left',
    at,
    says: /^nobody holds .*slot-0, and 1 transaction is not over$/,
    look: /^assent list --log /,
    provoke: async (directory) => {
      const child = new Child(import.meta.url, '../cli/shop-process.ts', directory, 'undelivered')
      for (let line = await child.line(); line !== 'ready'; line = await child.line()) {
        if (line === undefined) throw new Error(child.errors)
      }
      await child.kill()
      return await findingsOf(directory)
    },
  },
  {
    id: 'log-process-silent',
    severity: 'notice',
    by: 'a live process without a control socket',
    at,
    says: /^a live process holds .*slot-0 and does not answer \(it has no control socket\)$/,
    look: /^assent list --log /,
    provoke: async (directory) => {
      const { coordinator } = await openShop(directory, { controlSocket: false })
      const findings = await findingsOf(directory)
      await coordinator.close()
      return findings
    },
  },
  {
    id: 'operator-awaited',
    severity: 'warning',
    by: 'a transaction that is held',
    at,
    says: /^1 transaction waits for an operator: shop\./,
    look: /^assent show shop\.\S+ --log /,
    provoke: async (directory) => {
      const shop = await openShop(directory)
      await makeHeld(shop)
      const findings = await findingsOf(directory)
      await shop.coordinator.close({ timeoutMs: 1 })
      return findings
    },
  },
]
