/** `assent doctor` */
import { examineConfigured } from '../../config/examine.ts'
import { loadConfiguration } from '../../config/load.ts'
import type { Severity } from '../../core/finding-catalogue.ts'
import type { Finding } from '../../core/findings.ts'
import type { DoctorReport } from '../../doctor/doctor.ts'
import type { Arguments } from '../arguments.ts'
import type { Terminal } from '../command.ts'
import { renderReport } from './render.ts'

/** Examines; the exit code is 1 where an error was found. */
export async function runDoctor(given: Arguments, { out }: Terminal): Promise<number> {
  const loaded = await loadConfiguration({ file: given.text('config') })
  const report = await examineConfigured(loaded, process.env)
  const text = given.has('json')
    ? JSON.stringify(jsonOf(loaded.file, report))
    : renderReport(loaded.file, report)
  out.write(`${text}\n`)
  return countOf(report.findings, 'error') > 0 ? 1 : 0
}

export function countOf(findings: readonly Finding[], severity: Severity): number {
  return findings.filter((each) => each.severity === severity).length
}

/** Every key is always there: what is unknown, or does not apply, is null. */
function jsonOf(file: string, { installation, findings, resources, log }: DoctorReport): object {
  return {
    installation,
    config: file,
    errors: countOf(findings, 'error'),
    warnings: countOf(findings, 'warning'),
    notices: countOf(findings, 'notice'),
    findings: findings.map(({ id, severity, resource, found, effect, cure, command, look }) => ({
      id,
      severity,
      /** Null for the log. */
      resource: resource ?? null,
      found,
      effect,
      cure,
      command: command ?? null,
      look: look ?? null,
    })),
    resources: resources.map((each) => ({
      name: each.name,
      kind: each.kind,
      status: each.status,
      product: each.product ?? null,
      fingerprint: each.fingerprint ?? null,
      prepared: each.prepared ?? null,
      clockAheadMs: each.clockAheadMs ?? null,
    })),
    log: log === undefined ? null : jsonOfLog(log),
  }
}

function jsonOfLog({ directory, freeBytes, slots }: NonNullable<DoctorReport['log']>): object {
  return {
    directory,
    freeBytes: freeBytes ?? null,
    slots: slots.map(({ slot, held, pid, unfinished }) => {
      return { slot, held: held ?? null, pid: pid ?? null, unfinished }
    }),
  }
}
