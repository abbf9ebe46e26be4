const signals = ['SIGTERM', 'SIGINT'] as const

/** The second signal of one Ctrl-C, which npm passes on to a process that has had it already, comes within this time. */
const SAME_PRESS_MS = 1_000
const FORCED = 130

/**
 * Hears of SIGTERM and SIGINT from now on. The first one asks to stop; whoever presses Ctrl-C again, later, does not
 * want to wait: then the process ends at once.
 */
export class StopSignal {
  readonly received: Promise<NodeJS.Signals>

  constructor() {
    this.received = new Promise((resolve) => {
      let firstAt: number | undefined
      const heard = (signal: NodeJS.Signals) => {
        if (firstAt === undefined) {
          firstAt = performance.now()
          resolve(signal)
        } else if (signal === 'SIGINT' && performance.now() - firstAt > SAME_PRESS_MS) {
          process.exit(FORCED)
        }
      }
      for (const signal of signals) process.on(signal, heard)
    })
  }
}
