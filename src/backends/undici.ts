import { createRequire } from 'node:module'

const load = createRequire(import.meta.url)

/** The HTTP client, loaded with the first request: a server and a command start without it. */
export function undici(): typeof import('undici') {
  return load('undici')
}
