/**
 * File systems by the number that Linux's statfs(2) gives them, and what a log can expect of each.
 *
 * The numbers are those of `linux/magic.h`. On macOS, Node's sync asks the drive to empty its cache
 * (F_FULLFSYNC), and on Windows it is FlushFileBuffers; the kind of file system is not told there.
 */
import type { ReportedFinding } from '../core/findings.ts'
import type { LogSurvey } from './survey.ts'

type Kind =
  | { readonly keeps: true }
  | { readonly keeps: false; readonly id: ReportedFinding['id']; readonly reason: string }

const local: Kind = { keeps: true }

function volatile(name: string): Kind {
  return { keeps: false, id: 'log-volatile', reason: `${name}, which is memory and no disk` }
}

function layered(name: string): Kind {
  const reason = `${name}, a container's own layer: fsync works, and the layer goes with it`
  return { keeps: false, id: 'log-in-container-layer', reason }
}

function shared(reason: string): Kind {
  return { keeps: false, id: 'log-on-shared-file-system', reason }
}

const kinds: ReadonlyMap<number, Kind> = new Map([
  [0xef53, local], // ext2, ext3, ext4
  [0x58465342, local], // XFS
  [0x9123683e, local], // Btrfs
  [0x2fc12fc1, local], // ZFS
  [0xf2f52010, local], // F2FS
  [0xca451a4e, local], // bcachefs
  [0x3153464a, local], // JFS
  [0x3434, local], // NILFS
  [0x01021994, volatile('tmpfs')],
  [0x858458f6, volatile('ramfs')],
  [0x794c7630, layered('overlay')],
  [0x61756673, layered('aufs')],
  [0x6969, shared('NFS: an `async` export acknowledges what is not on its disk')],
  [0x517b, shared('SMB: the server may cache what it has acknowledged')],
  [0xff534d42, shared('SMB: the server may cache what it has acknowledged')],
  [0xfe534d42, shared('SMB: the server may cache what it has acknowledged')],
  [0x00c36400, shared('CephFS: its locks and its forced writes go over the network')],
  [0x01021997, shared('9p, a share of the host: a forced write may end in its cache')],
  [0x786f4256, shared('vboxsf, a share of the host: a forced write may end in its cache')],
  [0x65735546, shared('FUSE: what a forced write does is up to the program behind it')],
])

/** What is to be said of the file system that the log is on; undefined when all is well. */
export function judgeFileSystem({ directory, fileSystem }: LogSurvey): ReportedFinding | undefined {
  if (fileSystem === undefined) {
    return { id: 'log-file-system-unknown', found: `${directory} can not be asked (statfs failed)` }
  }
  const { platform, type } = fileSystem
  if (platform !== 'linux') {
    const found = `the kind of file system under ${directory} is not told on ${platform}`
    return { id: 'log-file-system-unknown', found }
  }
  const kind = kinds.get(type)
  const look = `df -T ${quoted(directory)}`
  if (kind === undefined) {
    const found = `${directory} is on a file system of the type 0x${type.toString(16)}`
    return { id: 'log-file-system-unknown', found, look }
  }
  if (kind.keeps) return undefined
  return { id: kind.id, found: `${directory} is on ${kind.reason}`, look }
}

/** A path as a shell takes it, whatever is in it. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}
