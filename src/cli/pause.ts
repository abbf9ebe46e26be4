import { InvalidInputError } from '../messages/errors.ts'
import { pauseNudge } from '../router/pauses.ts'
import type { Switchboard } from '../settings/switchboard.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'

export interface PauseCommandOptions extends CommonOptions {
  readonly reason?: string
}

const LONGEST_REASON = 500

/** Has nothing sent over a backend until it is resumed by hand; servers notice at once. */
export async function pause(backend: string, options: PauseCommandOptions, output: Output): Promise<number> {
  return besideServer(options, async (switchboard) => {
    const { store, clock } = sendingOver(backend, switchboard)
    const reason = (options.reason ?? 'no reason was given').slice(0, LONGEST_REASON)
    await store.pauses.begin({ backend, cause: 'HAND', reason, since: clock.now(), probes: 0, probeAt: null })
    await store.nudge([pauseNudge(backend)])
    output.out(`${backend} is paused; its messages wait until: switchboard resume ${backend}`)
    return 0
  })
}

/** Has messages sent over a backend again, whatever it was paused for; servers notice at once. */
export async function resume(backend: string, options: CommonOptions, output: Output): Promise<number> {
  return besideServer(options, async (switchboard) => {
    const { store } = sendingOver(backend, switchboard)
    const wasPaused = await store.pauses.end(backend, 'hand')
    await store.nudge([pauseNudge(backend)])
    output.out(wasPaused ? `${backend} is resumed` : `${backend} was not paused`)
    return 0
  })
}

/** @throws InvalidInputError when there is no such backend, or it only receives */
function sendingOver(name: string, { router, parts }: Switchboard): Switchboard['parts'] {
  const backend = router.backends.get(name)
  if (backend?.send !== undefined) return parts
  const sending = [...router.backends.values()].filter(({ send }) => send !== undefined)
  const known = sending.map((each) => each.name).join(', ') || 'none'
  const what = backend === undefined ? `there is no backend "${name}"` : `the backend "${name}" only receives`
  throw new InvalidInputError(`${what}; those that send are ${known}`)
}
