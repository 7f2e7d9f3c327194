/** What an examination found: by whom it was reported, and as the doctor tells it. */
import { type FindingId, findingCatalogue, type Severity } from './finding-catalogue.ts'

/** A finding as the one who found it says it; the catalogue knows the rest. */
export interface ReportedFinding {
  readonly id: FindingId
  /** What was found, with its names and figures. */
  readonly found: string
  /** What cures it, ready to be run: SQL at that resource, or a line for a shell or a file. */
  readonly command?: string | undefined
  /** What only looks, and changes nothing: SQL at that resource, or a line for a shell. */
  readonly look?: string | undefined
}

export interface Finding {
  readonly id: FindingId
  readonly severity: Severity
  /** The resource's name; undefined for the log. */
  readonly resource: string | undefined
  readonly found: string
  /** What it would cause. */
  readonly effect: string
  /** What to do, in words. */
  readonly cure: string
  /** What to run, where a command does it. */
  readonly command: string | undefined
  /** What shows more of it, and cures nothing. */
  readonly look: string | undefined
}

export function findingAt(resource: string | undefined, reported: ReportedFinding): Finding {
  const { id, found, command, look } = reported
  const { severity, effect, cure } = findingCatalogue[id]
  return { id, severity, resource, found, effect, cure, command, look }
}
