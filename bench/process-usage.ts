import { readFileSync } from 'node:fs'

// Linux tells processor time in ticks, 100 a second wherever Node.js runs.
const TICKS_PER_SECOND = 100
// Places in /proc/<pid>/stat after the name of the process.
const USER_TIME = 11
const SYSTEM_TIME = 12

/** Seconds of processor time that a process has used, all threads together; undefined where that cannot be read. */
export function cpuSecondsOf(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // The name stands in brackets and may hold blanks.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined) return undefined
  return (Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) / TICKS_PER_SECOND
}

/** The same of a process and those that it has started and that still run. */
export function cpuSecondsOfFamily(pid: number): number | undefined {
  const children = read(`/proc/${pid}/task/${pid}/children`)?.split(' ').filter(Boolean).map(Number) ?? []
  const own = cpuSecondsOf(pid)
  return own === undefined ? undefined : children.reduce((sum, child) => sum + (cpuSecondsOf(child) ?? 0), own)
}

/** MiB of memory that a process holds; undefined where that cannot be read. */
export function memoryOf(pid: number): number | undefined {
  const kib = /VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`) ?? '')?.[1]
  return kib === undefined ? undefined : Number(kib) / 1024
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
