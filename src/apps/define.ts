import type { App } from '../router/app.ts'

/** Types an app written as an object. */
export function defineApp<Definition extends App>(app: Definition): Definition {
  return app
}
