import type { Context } from 'mocha'

/** Skips the test, or in a `before` all of its suite, and says why; `npm test` lists it with that reason. */
export function skip(context: Context, reason: string): never {
  const { test } = context
  const place = test !== undefined && 'type' in test && test.type === 'hook' ? test.parent : test
  if (place !== undefined) place.title = `${place.title} [skipped: ${reason}]`
  return context.skip()
}
