/** The live display of a run: a block that is redrawn in a terminal, plain lines elsewhere. */
import type { Output } from '../command.ts'
import { count, counted } from '../text.ts'
import { sides } from './plan.ts'
import type { Display, Phase, Progress } from './progress.ts'

const redrawMs = 100
const plainEveryMs = 5_000
const notesShown = 5
const barWidth = 40
const widthDefault = 80

const phaseTexts: Readonly<Record<Phase, string>> = {
  starting: 'starting',
  running: 'moving money',
  settling: 'letting it settle',
  checking: 'counting in the databases',
}

export function openDisplay(stream: Output): Display {
  return stream.isTTY === true ? new LiveDisplay(stream) : new PlainDisplay(stream)
}

class PlainDisplay implements Display {
  readonly #stream: Output
  #elapsedMs = 0
  #shownMs = 0

  constructor(stream: Output) {
    this.#stream = stream
  }

  update(progress: Progress): void {
    const { elapsedMs, committed, attempted, prepared } = progress
    this.#elapsedMs = elapsedMs
    if (elapsedMs - this.#shownMs < plainEveryMs) return
    this.#shownMs = elapsedMs
    const aborted = attempted - committed
    this.note(`${count(committed)} committed, ${count(aborted)} not, ${count(prepared)} prepared`)
  }

  note(text: string): void {
    this.#stream.write(`${seconds(this.#elapsedMs)}  ${text}\n`)
  }

  close(): void {
    // Nothing to put back.
  }
}

class LiveDisplay implements Display {
  readonly #stream: Output
  readonly #notes: string[] = []
  readonly #timer: NodeJS.Timeout
  #progress: Progress | undefined
  #linesDrawn = 0
  #isClosed = false

  constructor(stream: Output) {
    this.#stream = stream
    this.#stream.write('\x1b[?25l')
    this.#timer = setInterval(() => this.#draw(), redrawMs)
  }

  update(progress: Progress): void {
    this.#progress = progress
  }

  note(text: string): void {
    this.#notes.push(`${seconds(this.#progress?.elapsedMs ?? 0)}  ${text}`)
    if (this.#notes.length > notesShown) this.#notes.shift()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#draw()
    this.#stream.write('\x1b[?25h')
  }

  #draw(): void {
    const width = Math.max(20, this.#stream.columns || widthDefault) - 1
    const status = this.#progress === undefined ? [] : statusLines(this.#progress)
    const lines = [...status, ...this.#notes].map((line) => line.slice(0, width))
    const up = this.#linesDrawn > 0 ? `\x1b[${this.#linesDrawn}A` : ''
    this.#stream.write(`${up}\r\x1b[0J${lines.map((line) => `${line}\n`).join('')}`)
    this.#linesDrawn = lines.length
  }
}

function statusLines(progress: Progress): string[] {
  const { phase, elapsedMs, totalMs, committed, attempted, prepared, kills, restarts } = progress
  const done = Math.min(1, elapsedMs / totalMs)
  const filled = Math.round(done * barWidth)
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}]`
  const { workerPid, up } = progress
  const databases = sides.map((side) => `${side} ${up[side] ? 'up' : 'DOWN'}`).join(', ')
  return [
    `${bar} ${seconds(Math.min(elapsedMs, totalMs))} of ${seconds(totalMs)}  ${phaseTexts[phase]}`,
    `  transfers  ${count(committed)} committed, ${count(attempted - committed)} rolled back`,
    `  prepared   ${counted(prepared, 'branch', 'branches')} at this moment`,
    `  worker     ${workerPid === undefined ? 'KILLED' : `process ${workerPid}`}, ` +
      `killed ${counted(kills, 'time')}`,
    `  databases  ${databases}, killed and restarted ${counted(restarts, 'time')}`,
    '',
  ]
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`.padStart(7)
}
