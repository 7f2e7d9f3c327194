/** The doctor's report for people: what is wrong first, then how things stand, in 80 columns. */
import type { Finding } from '../../core/findings.ts'
import type { DoctorReport, LogReport, ResourceReport } from '../../doctor/doctor.ts'
import { bytesOf } from '../../doctor/wording.ts'
import { counted, printable, table, wrapped } from '../text.ts'

const columns = 80

export function renderReport(file: string, report: DoctorReport): string {
  const { findings, installation, log, resources } = report
  const state = [
    ['installation', installation],
    ['configuration', printable(file)],
    ...(log === undefined ? [] : [['log', logText(log)]]),
    ...resources.map((each) => [each.name, resourceText(each)]),
  ]
  return [
    ...findings.flatMap((finding) => [...renderFinding(finding), '']),
    ...table(state),
    '',
    summaryOf(findings),
  ].join('\n')
}

function renderFinding({
  id,
  severity,
  resource,
  found,
  effect,
  cure,
  command,
  look,
}: Finding): string[] {
  return [
    `${severity.toUpperCase()} ${resource ?? 'log'}: ${id}`,
    ...wrapped(printable(found), columns, '  '),
    ...wrapped(`Effect: ${effect}`, columns, '  '),
    ...wrapped(`Cure: ${cure}`, columns, '  '),
    // Whole, whatever its width: it is there to be copied.
    ...(command === undefined ? [] : [`    ${printable(command)}`]),
    ...(look === undefined ? [] : ['  To look at it:', `    ${printable(look)}`]),
  ]
}

function logText({ directory, freeBytes, slots }: LogReport): string {
  const held = slots.filter((each) => each.held === true)
  const pids = held.flatMap(({ pid }) => pid ?? [])
  const holders = [
    held.length === 0 ? 'no process holds it' : `${counted(held.length, 'process', 'processes')}`,
    ...(pids.length === 0 ? [] : [`(${pids.join(', ')})`]),
  ].join(' ')
  const room = freeBytes === undefined ? '' : `, ${bytesOf(freeBytes)} free`
  return `${printable(directory)}: ${holders}${room}`
}

function resourceText({ kind, status, product, prepared, clockAheadMs }: ResourceReport): string {
  return [
    product ?? kind,
    status,
    ...(prepared === undefined ? [] : [`${prepared} prepared`]),
    ...(clockAheadMs === undefined ? [] : [`clock ${signed(clockAheadMs)} ms`]),
  ].join(', ')
}

function signed(number: number): string {
  const rounded = Math.round(number)
  return rounded > 0 ? `+${rounded}` : String(rounded)
}

function summaryOf(findings: readonly Finding[]): string {
  const of = (severity: Finding['severity']): string | undefined => {
    const found = findings.filter((each) => each.severity === severity).length
    return found === 0 ? undefined : counted(found, severity)
  }
  const counts = (['error', 'warning', 'notice'] as const).flatMap((each) => of(each) ?? [])
  return counts.length === 0 ? 'Nothing is wrong.' : `Found: ${counts.join(', ')}.`
}
