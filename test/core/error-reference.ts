/** The pages of `docs/reference/errors.md` on each code, written from the catalogue. */
import { readFileSync } from 'node:fs'

import { type ErrorCode, errorCatalogue } from '../../src/core/error-catalogue.ts'

export const referencePage: URL = new URL('../../docs/reference/errors.md', import.meta.url)
export const referenceHead = '## The codes\n\n'

export function writeReference(): string {
  const codes = Object.keys(errorCatalogue) as ErrorCode[]
  return codes.map(writeCode).join('\n')
}

function writeCode(code: ErrorCode): string {
  const { effect, retry, httpStatus, exitCode, meaning, cure } = errorCatalogue[code]
  const fields = fieldsOf(code)
  return [
    `### ${code}`,
    '',
    meaning,
    '',
    `${cure}`,
    '',
    '| effect | retry | HTTP status | exit code | fields |',
    '| --- | --- | --- | --- | --- |',
    `| ${effect} | ${retry} | ${httpStatus} | ${exitCode} | ${fields.join(', ') || '-'} |`,
    '',
  ].join('\n')
}

/** The names of a code's fields: types leave nothing at run time, so they are read in the source. */
export function fieldsOf(code: string): string[] {
  const source = readFileSync(new URL('../../src/core/errors.ts', import.meta.url), 'utf8')
  const body = /interface FieldsByCode \{\n([\s\S]*?)\n\}/.exec(source)?.[1] ?? ''
  const entry = new RegExp(`^  ${code}: ([\\s\\S]*?)(?=^  ASSENT_|\\Z)`, 'm').exec(
    `${body}\n  ASSENT_`,
  )
  const type = entry?.[1] ?? ''
  const own = [...type.matchAll(/readonly (\w+):/g)].map((match) => `\`${match[1]}\``)
  return type.includes('OfTransaction') ? ['`id`', ...own] : own
}
