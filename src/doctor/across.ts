/** What shows only when the resources are seen together. */
import { type Finding, findingAt } from '../core/findings.ts'
import type { Diagnosis } from '../participants/contract.ts'
import type { ExaminedResource } from './resource.ts'
import { counted } from './wording.ts'

export function judgeTogether(
  resources: readonly ExaminedResource[],
  processes: number,
): Finding[] {
  return [...sameDatabases(resources), ...roomsTooSmall(resources, processes)]
}

/** Each name after the first one that reaches a database. */
function sameDatabases(resources: readonly ExaminedResource[]): Finding[] {
  const first = new Map<string, string>()
  return resources.flatMap(({ name, check }) => {
    if (check.status !== 'ready') return []
    const { fingerprint } = check
    const other = first.get(fingerprint)
    if (other === undefined) first.set(fingerprint, name)
    if (other === undefined) return []
    const found = `it reaches the same database as ${other}: ${fingerprint}`
    return [findingAt(name, { id: 'same-database-twice', found })]
  })
}

interface Room {
  readonly names: string[]
  readonly room: NonNullable<Diagnosis['room']>
  poolSizes: number
}

/** The databases of one server share its room for prepared transactions, and so do all processes. */
function roomsTooSmall(resources: readonly ExaminedResource[], processes: number): Finding[] {
  const rooms = new Map<string, Room>()
  for (const { name, diagnosis } of resources) {
    const room = diagnosis?.room
    if (room === undefined || room.limit === 0) continue // `prepared-off` says that
    const known = rooms.get(room.server) ?? { names: [], room, poolSizes: 0 }
    known.names.push(name)
    known.poolSizes += room.poolSize
    rooms.set(room.server, known)
  }
  return [...rooms.values()].flatMap(({ names, room, poolSizes }) => {
    const needed = poolSizes * processes
    const [first] = names
    if (room.limit >= needed) return []
    const pools = names.length === 1 ? 'the pool' : `the pools of ${names.join(' and ')}`
    const users = processes === 1 ? '' : ` of ${counted(processes, 'process', 'processes')}`
    const found =
      `the server has room for ${room.limit} prepared transactions, and ${pools}${users} ` +
      `can prepare ${needed}`
    return [findingAt(first, { id: 'prepared-slots-few', found, command: room.raiseTo(needed) })]
  })
}
