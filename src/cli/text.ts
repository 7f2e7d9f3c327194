/** Text for people's terminals. */
import { spanOf } from '../doctor/wording.ts'

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(rows: readonly (readonly string[])[], indent = ''): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    })
  }
  return rows.map((row) =>
    `${indent}${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  )
}

/** `4 s`, `12 min`, `3 h`, `2 d`. */
export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.floor(ms / 1_000)} s` : spanOf(ms)
}

/** `1,234,567` */
export function count(number: number): string {
  return String(number).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 branch`, `2 branches` */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`
}

/** What came from elsewhere may hold codes that a terminal would obey: they are taken out. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Z}]+/gu, ' ').trim()
}

/** Lines of at most `columns` characters, broken between words; a longer word has its own. */
export function wrapped(text: string, columns: number, indent: string): string[] {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(' ')) {
    const isFirst = line === indent
    if (!isFirst && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = `${indent}${word}`
    } else {
      line += isFirst ? word : ` ${word}`
    }
  }
  return [...lines, line]
}
