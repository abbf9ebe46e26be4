import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const HEARTBEAT_MS = 2_000
const STALE_MS = 20_000
const POLL_MS = 100

/**
 * Runs `act` while no other process on this folder runs what is locked by the same file. A lock whose holder has died
 * is taken over.
 * @param {string} file
 * @param {() => Promise<T>} act
 * @param {() => void} [onWait] called once, when it has to wait
 * @returns {Promise<T>}
 * @template T
 */
export async function withLock(file, act, onWait = () => {}) {
  mkdirSync(dirname(file), { recursive: true })
  for (let waited = false; !take(file); waited = true) {
    if (!waited) onWait()
    removeStale(file)
    await pause(POLL_MS)
  }
  const release = () => rmSync(file, { force: true })
  const heartbeat = setInterval(() => beat(file), HEARTBEAT_MS)
  process.once('exit', release)
  try {
    return await act()
  } finally {
    clearInterval(heartbeat)
    process.removeListener('exit', release)
    release()
  }
}

function take(file) {
  try {
    const handle = openSync(file, 'wx')
    writeSync(handle, JSON.stringify({ pid: process.pid, host: hostname() }))
    closeSync(handle)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function beat(file) {
  try {
    const now = new Date()
    utimesSync(file, now, now)
  } catch {
    // Somebody has removed it by hand; that is theirs to answer for.
  }
}

/** Only the holder of a second, very short lock removes a stale one, so that nobody removes a fresh one. */
function removeStale(file) {
  if (!isStale(file)) return
  const guard = `${file}.stale`
  try {
    mkdirSync(guard)
  } catch {
    if (ageOf(guard) > STALE_MS) remove(guard)
    return
  }
  try {
    if (isStale(file)) rmSync(file, { force: true })
  } finally {
    remove(guard)
  }
}

function isStale(file) {
  if (ageOf(file) > STALE_MS) return true
  try {
    const { pid, host } = JSON.parse(readFileSync(file, 'utf8'))
    return host === hostname() && !isAlive(pid)
  } catch {
    // Being written this moment, or gone.
    return false
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function ageOf(path) {
  try {
    return Date.now() - statSync(path).mtimeMs
  } catch {
    return 0
  }
}

function remove(folder) {
  try {
    rmdirSync(folder)
  } catch {
    // Another process was faster.
  }
}
