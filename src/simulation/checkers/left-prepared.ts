/** A10: what is still prepared when a log is declared clean, and so left to nobody. */
import { type LogIdentity, parseBranchId } from '../../core/ids.ts'
import type { Surroundings } from '../surroundings.ts'

/** Prepared branches of a log, wherever they are; see `Plan.isPatient` for where none are looked for. */
export function preparedOf(
  log: LogIdentity,
  { databases, services, facts, plan }: Surroundings,
): string[] {
  if (!plan.isPatient) return []
  const everywhere = [
    ...databases.map(({ prepared }) => prepared),
    ...services.map(({ reserved }) => reserved),
  ]
  return everywhere.flatMap((prepared) =>
    [...prepared.keys()].filter(
      (id) => parseBranchId(id)?.log === log && facts.ofBranch(id) !== undefined,
    ),
  )
}
