/** What a benchmark says while it runs, and at its end. */

/** Figures of one benchmark; the last line with `--json`. */
export type Figures = Readonly<Record<string, unknown>>

export interface Report {
  /** A line of the result. */
  line(text: string): void
  /** What goes on now; replaced by the next, and shown to a person only. */
  progress(text: string): void
}

export function terminalReport(): Report {
  const isSeen = process.stderr.isTTY === true
  const clear = isSeen ? '\r\u001b[K' : ''
  return {
    line: (text) => {
      if (isSeen) process.stderr.write(clear)
      process.stdout.write(`${text}\n`)
    },
    progress: (text) => {
      if (isSeen) process.stderr.write(`${clear}${text}`)
    },
  }
}

/** Cells in columns: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column === 0 ? cell.padEnd(width) : cell.padStart(width + 2)
      })
      .join('')
      .trimEnd(),
  )
}
