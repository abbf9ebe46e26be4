import { appendFileSync } from 'node:fs'
import { relative } from 'node:path'
import { root } from './setup.mjs'

/**
 * Prints a line per test file, and writes what became of each test as a line of JSON to the file that RESULTS names,
 * as soon as it is known: nothing is lost when the run has to be ended.
 */
export default class Reporter {
  #file = ''
  #counts = { passed: 0, failed: 0, skipped: 0 }

  constructor(runner) {
    runner.on('pass', (test) => this.#add({ ...place(test), kind: 'passed' }))
    runner.on('pending', (test) => this.#add({ ...place(test), kind: 'skipped' }))
    runner.on('fail', (test, error) => this.#add({ ...place(test), kind: 'failed', error: text(error) }))
    runner.once('end', () => {
      this.#printFile()
      write({ kind: 'end' })
    })
  }

  #add(result) {
    if (result.file !== this.#file) this.#printFile()
    this.#file = result.file
    this.#counts[result.kind]++
    write(result)
  }

  #printFile() {
    const { passed, failed, skipped } = this.#counts
    if (passed + failed + skipped === 0) return
    const rest = [failed > 0 ? `${failed} FAILED` : '', skipped > 0 ? `${skipped} skipped` : '']
    console.log(`  ${this.#file}: ${[`${passed} passed`, ...rest].filter((part) => part !== '').join(', ')}`)
    this.#counts = { passed: 0, failed: 0, skipped: 0 }
  }
}

function write(result) {
  appendFileSync(process.env.RESULTS, `${JSON.stringify(result)}\n`)
}

function place(test) {
  const file = test.file === undefined ? '' : relative(root, test.file)
  return { file, title: test.fullTitle() }
}

function text(error) {
  const shown = []
  for (let each = error; each !== undefined && each !== null; each = each.cause) {
    shown.push(each.stack ?? each.message ?? String(each))
    const { showDiff, expected, actual } = Object(each)
    if (showDiff !== false && (expected !== undefined || actual !== undefined)) {
      shown.push(`expected: ${print(expected)}`, `actual:   ${print(actual)}`)
    }
  }
  return shown.join('\n')
}

function print(value) {
  return typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? String(value))
}
