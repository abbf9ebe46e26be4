import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root } from './setup.mjs'

const LOOK_MS = 1_000
/** Longer than any single test takes. */
const SILENCE_LIMIT_MS = 5 * 60_000
const RUN_LIMIT_MS = 30 * 60_000
const END_LIMIT_MS = 30_000
const MOST_JOBS = 4

/**
 * Runs test files with mocha, several at a time.
 * @param {readonly string[]} files
 * @returns {Promise<{ passed: number, failures: { title: string, text: string }[], skipped: { title: string }[] }>}
 */
export async function runMocha(files) {
  mkdirSync(join(root, '.tmp'), { recursive: true })
  const folder = mkdtempSync(join(root, '.tmp', 'test-'))
  const paths = { RESULTS: join(folder, 'results'), JOURNAL: join(folder, 'journal') }
  const child = spawn(process.execPath, [join(root, 'node_modules/mocha/bin/mocha.js'), ...args(files)], {
    cwd: root,
    env: { ...process.env, ...paths },
    stdio: 'inherit',
    // A group of its own, to be ended together with all that tests have started.
    detached: true,
  })
  const watch = watchOver(child, paths)
  const kill = () => killGroup(child)
  const interrupted = () => process.exit(130)
  process.once('exit', kill).once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve))
    kill()
    return summary(code, watch.reason(), paths)
  } finally {
    watch.end()
    process.removeListener('exit', kill).removeListener('SIGINT', interrupted).removeListener('SIGTERM', interrupted)
    rmSync(folder, { recursive: true, force: true })
  }
}

function args(files) {
  const jobs = Math.min(availableParallelism(), MOST_JOBS)
  return [
    ...['--require', join(root, 'scripts/mocha-journal.mjs'), '--reporter', join(root, 'scripts/mocha-reporter.mjs')],
    ...(jobs > 1 && files.length > 1 ? ['--parallel', '--jobs', String(jobs)] : []),
    ...files,
  ]
}

/** Ends a run in which nothing happens any more, or which does not end after its last test. */
function watchOver(child, { RESULTS, JOURNAL }) {
  const begun = Date.now()
  let why
  const end = (reason) => {
    why ??= reason
    killGroup(child)
  }
  const timer = setInterval(() => {
    const now = Date.now()
    const lastNews = Math.max(begun, changedAt(RESULTS), changedAt(JOURNAL))
    const over = lines(RESULTS).some(({ kind }) => kind === 'end')
    if (over && now - lastNews > END_LIMIT_MS) end('mocha did not end after the last test: a test left something open')
    else if (now - lastNews > SILENCE_LIMIT_MS) end(`no test ended for ${SILENCE_LIMIT_MS / 60_000} minutes`)
    else if (now - begun > RUN_LIMIT_MS) end(`the tests did not end within ${RUN_LIMIT_MS / 60_000} minutes`)
  }, LOOK_MS)
  return { reason: () => why, end: () => clearInterval(timer) }
}

function killGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Nobody of it is left.
  }
}

function summary(code, reason, { RESULTS, JOURNAL }) {
  const results = lines(RESULTS)
  const passed = results.filter(({ kind }) => kind === 'passed').length
  const failures = results
    .filter(({ kind }) => kind === 'failed')
    .map(({ file, title, error }) => ({ title: `${title} (${file})`, text: error }))
  const skipped = results.filter(({ kind }) => kind === 'skipped')
  const over = results.some(({ kind }) => kind === 'end')
  if (reason !== undefined) {
    failures.push({ title: reason, text: unended(lines(JOURNAL)) })
  } else if (!over || (code !== 0 && failures.length === 0)) {
    failures.push({ title: `mocha ended with ${code}`, text: `What it printed is above. ${unended(lines(JOURNAL))}` })
  }
  return { passed, failures, skipped }
}

/** The last test of each worker, if it has no end. */
function unended(journal) {
  const last = new Map(journal.map((line) => [line.process, line]))
  const open = [...last.values()].filter(({ what }) => what === 'begins')
  if (open.length === 0) return 'Every test that had begun has ended.'
  return ['These tests had begun and not ended:', ...open.map(({ title, file }) => `  ${title} (${file})`)].join('\n')
}

function changedAt(file) {
  return existsSync(file) ? statSync(file).mtimeMs : 0
}

function lines(file) {
  if (!existsSync(file)) return []
  // A line that is being written this moment is none yet.
  const complete = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return complete.map((line) => JSON.parse(line))
}
