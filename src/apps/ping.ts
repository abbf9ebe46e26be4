import type { App } from '../router/app.ts'

/** Answers `ping`, exactly so written, with `pong`. */
export function ping(): App {
  return {
    name: 'ping',
    handle: (message) => (message.text === 'ping' ? message.respond('pong') : undefined),
  }
}
