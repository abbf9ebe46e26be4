import { setImmediate as nextTurn } from 'node:timers/promises'
import { TemplateFault } from '../../router/template-engine.ts'
import type { Templates } from '../../router/templates.ts'
import { Refusal } from './api-answer.ts'

/** Milliseconds that all texts of one request may take. */
const MOST_TIME_MS = 2_000
/** Milliseconds after which others get their turn. */
const TURN_MS = 20

/** Fills a template that a request brought, once for each recipient. */
export class InlineTemplates {
  readonly #templates: Pick<Templates, 'fill'>

  constructor(templates: Pick<Templates, 'fill'>) {
    this.#templates = templates
  }

  /** @throws Refusal naming what is wrong with the template, or for which recipient there is no value */
  async rendered(template: string, contexts: readonly Readonly<Record<string, string>>[]): Promise<readonly string[]> {
    const texts: string[] = []
    let spent = 0
    let turn = 0
    for (const context of contexts) {
      const began = performance.now()
      texts.push(this.#rendered(template, context))
      const took = performance.now() - began
      spent += took
      turn += took
      if (spent > MOST_TIME_MS) throw refusal(`it takes more than ${MOST_TIME_MS} ms for all recipients together`)
      if (turn <= TURN_MS) continue
      turn = 0
      await nextTurn()
    }
    return texts
  }

  #rendered(template: string, context: Readonly<Record<string, string>>): string {
    try {
      return this.#templates.fill(template, context)
    } catch (error) {
      if (error instanceof TemplateFault) throw refusal(error.message)
      throw error
    }
  }
}

function refusal(fault: string): Refusal {
  return new Refusal('INVALID_INPUT', `template: ${fault}`, { fields: { template: fault } })
}
