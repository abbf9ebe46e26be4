import { appendFileSync } from 'node:fs'

/** Notes which test begins and which has ended, to name those in which a run hung. */
export const mochaHooks = {
  beforeEach() {
    note(this.currentTest, 'begins')
  },
  afterEach() {
    note(this.currentTest, 'ended')
  },
}

function note(test, what) {
  const line = { at: Date.now(), what, process: process.pid, file: test?.file, title: test?.fullTitle() }
  if (process.env.JOURNAL) appendFileSync(process.env.JOURNAL, `${JSON.stringify(line)}\n`)
}
