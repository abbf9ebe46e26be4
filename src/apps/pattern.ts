import type { IncomingMessage } from '../messages/incoming.ts'
import type { App } from '../router/app.ts'
import type { AppContext } from '../router/context.ts'
import { DelegatedContext } from './delegated-context.ts'
import { handled, type KeywordOptions } from './keyword.ts'

/** What a pattern's handler gets beside the message. */
export interface PatternContext extends Omit<AppContext, 'groups'> {
  /** What the groups of the expression matched, in their order; an empty text for one that took no part. */
  readonly groups: readonly string[]
  /** What its named groups matched. */
  readonly named: Readonly<Record<string, string>>
  /** The whole context, where the contact's groups are. */
  readonly context: AppContext
}

/**
 * An app that answers to texts of a form: `pattern(/^(\d+) plus (\d+)$/i, (message, { groups: [a, b] }) => …)`.
 * A match counts as handled whatever the handler returns.
 */
export function pattern(
  expression: RegExp,
  handler: (message: IncomingMessage, context: PatternContext) => unknown,
  { name, only }: Pick<KeywordOptions, 'name' | 'only'> = {},
): App {
  // A shared expression with the flag g or y would remember where its last match ended.
  const stateless = new RegExp(expression.source, expression.flags.replace(/[gy]/g, ''))
  return {
    name: name ?? `pattern:${expression.source}`,
    ...(only === undefined ? {} : { only }),
    handle(message, context) {
      const match = stateless.exec(message.text)
      if (match === null) return undefined
      const delegated = new DelegatedContext(context)
      const own: PatternContext = Object.defineProperties(
        delegated as Omit<AppContext, 'groups'> & { context: AppContext },
        {
          groups: { value: match.slice(1).map((group) => group ?? ''), enumerable: true },
          named: { value: { ...match.groups }, enumerable: true },
        },
      ) as PatternContext
      return handled(handler(message, own))
    },
  }
}
