import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'

const BLOCK_BYTES = 4096

/** What the benchmark ran on, in one line. */
export function machine(): string {
  const models = cpus()
  const model = models[0]?.model.replace(/\s+/g, ' ').trim() ?? 'unknown processor'
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${models.length} × ${model}, ${memory} GiB of memory, ${type()} ${release()}, Node.js ${process.version}`
}

/** How many times a second the disk under a folder takes 4 KiB at the end of a file and says that it is kept. */
export function syncsPerSecond(folder: string, seconds: number): number {
  const file = join(folder, 'sync-rate')
  const descriptor = openSync(file, 'w')
  const block = Buffer.alloc(BLOCK_BYTES, 1)
  const began = performance.now()
  let syncs = 0
  try {
    while (performance.now() - began < seconds * 1000) {
      writeSync(descriptor, block)
      fdatasyncSync(descriptor)
      syncs++
    }
  } finally {
    closeSync(descriptor)
    rmSync(file)
  }
  return syncs / ((performance.now() - began) / 1000)
}
