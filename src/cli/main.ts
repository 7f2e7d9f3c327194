#!/usr/bin/env node
/** The program `assent`. */
import { runProgram } from './program.ts'

// Who reads our output may stop reading it (`assent list | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = await runProgram(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
})
