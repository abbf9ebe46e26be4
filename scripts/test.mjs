import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { allowedSkips } from './allowed-skips.mjs'
import { build } from './build.mjs'
import { runMocha } from './mocha-run.mjs'
import { installLine, installServers, missingServers } from './servers.mjs'
import { root, run, SetupError, setUp } from './setup.mjs'

const isCI = process.env.CI === 'true'
const totals = { passed: 0, failed: 0, skipped: [] }

/**
 * Runs all checks, or those whose name or file holds one of the arguments: `npm test -- lint router`.
 * @param {readonly string[]} names
 */
async function main(names) {
  await setUp()
  const isWanted = (name) => names.length === 0 || names.some((part) => name.includes(part))
  const files = testFiles().filter(isWanted)
  if (isWanted('types')) await step('types', 'tsc', ['-p', '.'])
  if (isWanted('lint')) await step('lint', 'biome', ['check', '.'])
  if (files.length > 0) {
    if (names.length === 0) servers()
    await tests(files)
  }
}

/** What takes longest begins first, so that nothing long is left alone at the end. */
const LONGEST = ['test/store/', 'test/integration/', 'test/queue/']

function testFiles() {
  const rank = (file) => {
    const found = LONGEST.findIndex((folder) => file.startsWith(folder))
    return found < 0 ? LONGEST.length : found
  }
  return readdirSync(join(root, 'test'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort()
    .sort((one, other) => rank(one) - rank(other))
}

async function step(name, program, args) {
  const begun = performance.now()
  const { code, output } = await run(join(root, 'node_modules/.bin', program), args)
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  console.log(`${name}: ${code === 0 ? 'passed' : 'FAILED'} (${seconds} s)`)
  if (code === 0) totals.passed++
  else failed(name, output)
}

/** What some tests need beside Node.js: installed where that can be, told where it is missing. */
function servers() {
  installServers(missingServers(), (line) => console.log(line))
  for (const server of missingServers()) {
    const reason = `it is not on this machine; it comes with: ${installLine(server)}`
    if (isCI) failed(server.name, reason)
    else totals.skipped.push({ title: `what needs ${server.name}`, reason })
  }
}

async function tests(files) {
  await build()
  const begun = performance.now()
  const { passed, failures, skipped } = await runMocha(files)
  console.log(
    `tests: ${passed} passed, ${failures.length} failed (${((performance.now() - begun) / 1000).toFixed(1)} s)`,
  )
  totals.passed += passed
  for (const { title, text } of failures) failed(title, text)
  for (const { title } of skipped) pending(title)
}

/** A skipped test has its reason in its title; `skip()` of test/support puts it there. */
function pending(full) {
  const [, before = full, reason = '', after = ''] = /^(.*?) \[skipped: (.*?)\](.*)$/.exec(full) ?? []
  const title = `${before}${after}`
  const allowed = Object.entries(allowedSkips).find(([beginning]) => title.startsWith(beginning))
  if (reason === '') failed(title, 'It is skipped without a reason.')
  else if (isCI && allowed === undefined) failed(title, `It may not be skipped where CI=true: ${reason}`)
  else totals.skipped.push({ title, reason: isCI ? `${reason} (allowed: ${allowed?.[1]})` : reason })
}

function failed(title, text) {
  totals.failed++
  console.log(`\nFAILED: ${title}\n${text.trimEnd().replace(/^/gm, '  ')}\n`)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  failed('set-up', error instanceof SetupError ? error.message : String(error?.stack ?? error))
}
const { passed, failed: failures, skipped } = totals
if (passed + failures === 0) failed('npm test', 'No test ran: no check and no test file has a name like that.')
for (const { title, reason } of skipped) console.log(`skipped: ${title}: ${reason}`)
process.exitCode = totals.failed > 0 ? 1 : 0
console.log(`${passed} passed, ${totals.failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`)
