#!/usr/bin/env node
import { run } from './program.ts'

const LINGER_MS = 1_000

// A reader that wants no more (`switchboard routes | head -1`) is no fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

process.exitCode = await run(process.argv.slice(2), {
  out: (line) => console.log(line),
  err: (line) => console.error(line),
})
// Whatever an app or a backend has left open does not keep the process.
setTimeout(() => process.exit(), LINGER_MS).unref()
