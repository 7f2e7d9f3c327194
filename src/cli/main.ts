#!/usr/bin/env node
/** The program `assent`. */
import { runProgram } from './program.ts'

// Who reads our output may stop reading it (`assent list | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

/** How long what is closing may take, once the answer is given. */
const lingerMs = 2_000

process.exitCode = await runProgram(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
})

// A database that hangs keeps its connection open, and so would keep this process.
setTimeout(() => process.exit(), lingerMs).unref()
