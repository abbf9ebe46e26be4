import type { Fields, Text } from '../messages/incoming.ts'
import type { CommonRequest } from './broadcast-request.ts'
import type { TemplateEngine } from './template-engine.ts'

/**
 * The request with a recipient's own values in its text. A text for which nobody brings values stays as it is.
 * @throws TemplateFault naming the value that is not there
 */
export function filledIn(engine: TemplateEngine, send: CommonRequest, params: Fields | null): CommonRequest {
  if (params === null) return send
  if (send.template !== undefined) {
    const { slug, context } = send.template
    return { ...send, template: { slug, context: { ...context, ...params } } }
  }
  const filled = (text: string) => engine.render(text, params)
  const { text } = send
  return { ...send, text: typeof text === 'string' ? filled(text) : mapped(text, filled) }
}

function mapped(texts: Exclude<Text, string>, change: (text: string) => string): Text {
  return Object.fromEntries(Object.entries(texts).map(([language, text]) => [language, change(text)]))
}
