import type { BackendCheck } from '../router/state-checks.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { table } from './routes.ts'
import { StopSignal } from './stop-signal.ts'

/** Asks services what became of messages, until there are none left to ask about, or until SIGINT or SIGTERM. */
export async function checkStates(options: CommonOptions, output: Output): Promise<number> {
  const stop = new AbortController()
  void new StopSignal().received.then(() => stop.abort())
  return besideServer(options, async ({ router }) => {
    const checks = await router.checkStates(stop.signal)
    if (checks === undefined) {
      output.err('another process checks the states just now')
      return 1
    }
    tell(checks, output)
    if (stop.signal.aborted) output.err('stopped before the end')
    return stop.signal.aborted || checks.some(({ failed }) => failed > 0) ? 1 : 0
  })
}

function tell(checks: readonly BackendCheck[], output: Output): void {
  if (checks.length === 0) {
    output.out('There was nothing to check: no backend can be asked, and no message waits to be confirmed.')
    return
  }
  const rows = checks.map(({ backend, ...counts }) => {
    const { asked, changed, failed, timedOut } = counts
    return [backend, ...[asked, changed, timedOut, failed].map(String)]
  })
  for (const line of table([['BACKEND', 'ASKED', 'CHANGED', 'TIMED OUT', 'FAILURES'], ...rows])) output.out(line)
}
