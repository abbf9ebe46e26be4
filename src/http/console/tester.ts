import { randomInt } from 'node:crypto'
import type Router from '@koa/router'
import type Koa from 'koa'
import { z } from 'zod'
import { identityField, textField } from '../../backends/form.ts'
import { BacklogError, NotRunningError } from '../../router/errors.ts'
import { StoreUnavailableError } from '../../store/errors.ts'
import type { ConsoleParts } from './console-parts.ts'
import type { ConversationFeed } from './conversation-feed.ts'
import type { EventStreams } from './event-streams.ts'
import { answerError, type Guard, wantsJson } from './guard.ts'
import { html } from './html.ts'
import { page } from './page.ts'
import { refusalPage } from './refusal-page.ts'
import { type ShownMessage, toShown } from './shown-message.ts'
import { type ConversationLink, MOST_CONVERSATIONS, MOST_MESSAGES, testerContent } from './tester-page.ts'
import { testerScript } from './tester-script.ts'
import { discardRest, linesOf, RefusedRequest, readForm, readUpload } from './upload.ts'

export interface TesterParts extends ConsoleParts {
  /** The names of the backends that the page may write to. */
  readonly backends: readonly string[]
  readonly guard: Guard
  readonly streams: EventStreams
  readonly feed: ConversationFeed
}

interface Person {
  readonly backend: string
  readonly identity: string
}

const PATH = '/console/tester'

/** The tester page: a phone in the browser, whose messages come in through a backend of the kind httptester. */
export class Tester {
  readonly backends: readonly string[]
  readonly #parts: TesterParts
  readonly #backend: z.ZodType<string>
  readonly #person: z.ZodType<Person>
  readonly #written: z.ZodType<Person & { readonly text: string }>

  constructor(parts: TesterParts) {
    this.#parts = parts
    this.backends = parts.backends
    this.#backend = z.string().refine((name) => parts.backends.includes(name), 'is not a backend to test with')
    const person = z.object({ backend: this.#backend, identity: identityField })
    this.#person = person
    this.#written = person.extend({ text: textField })
  }

  room(router: Router): void {
    const { open, session, sameOrigin } = this.#parts.guard
    router.get(
      PATH,
      open,
      (ctx, next) => this.#enter(ctx, next),
      session,
      (ctx) => this.#page(ctx),
    )
    router.get(`${PATH}.js`, open, (ctx) => {
      ctx.type = 'js'
      ctx.body = testerScript
    })
    const inside = [open, session, sameOrigin, answering]
    router.get(`${PATH}/conversations`, ...inside, async (ctx) => {
      ctx.body = { conversations: await this.#conversations(parsed(this.#backend, ctx.query['backend'])) }
    })
    router.get(`${PATH}/messages`, ...inside, async (ctx) => {
      const person = this.#asRecorded(parsed(this.#person, ctx.query))
      ctx.body = { identity: person.identity, messages: await this.#messages(person) }
    })
    router.get(`${PATH}/events`, ...inside, (ctx) => this.#events(ctx))
    router.post(`${PATH}/messages`, ...inside, (ctx) => this.#write(ctx))
    router.post(`${PATH}/upload`, ...inside, (ctx) => this.#upload(ctx))
  }

  /** A link with a key: exchanged for a session, then taken out of the address. */
  async #enter(ctx: Koa.Context, next: Koa.Next): Promise<void> {
    const { guard } = this.#parts
    const { key } = ctx.query
    if (key === undefined) return next()
    // Whoever only looks whether the link is there, or loads it in advance, must not use it up.
    const looksOnly = ctx.method === 'HEAD' || ctx.get('sec-purpose').startsWith('prefetch')
    if (looksOnly || typeof key !== 'string' || !guard.enter(ctx, key)) {
      return refusalPage(ctx, guard.isIn(ctx) ? 'refused but in' : 'refused')
    }
    const from = ctx.get('sec-fetch-site')
    if (from === '' || from === 'none' || from === 'same-origin') {
      ctx.status = 303
      ctx.redirect(PATH)
      return
    }
    // A browser that came from another site's page does not show its new cookie when it is redirected.
    ctx.type = 'html'
    const content = html`<main><p><a href="${PATH}">Go on to the tester</a></p></main>`
    ctx.body = page({ title: 'Tester', className: 'refusal', goOn: PATH, content })
  }

  async #page(ctx: Koa.Context): Promise<void> {
    const { backends, projectName } = this.#parts
    const asked = this.#backend.safeParse(ctx.query['backend'])
    const backend = asked.success ? asked.data : backends[0]
    if (ctx.query['random'] !== undefined && backend !== undefined) {
      return ctx.redirect(address({ backend, identity: inventedNumber() }))
    }
    const identity = identityField.safeParse(ctx.query['identity']).data
    const conversations = backend === undefined ? [] : await this.#conversations(backend)
    const open = backend === undefined || identity === undefined ? undefined : this.#asRecorded({ backend, identity })
    const messages = open === undefined ? [] : await this.#messages(open)
    ctx.type = 'html'
    ctx.body = page({
      title: `Tester · ${projectName}`,
      className: 'tester',
      script: `${PATH}.js`,
      content: testerContent({ projectName, backends, backend, identity: open?.identity, conversations, messages }),
    })
  }

  #events(ctx: Koa.Context): void {
    const { guard, streams, feed } = this.#parts
    const backend = parsed(this.#backend, ctx.query['backend'])
    if (!streams.takesMore) throw new RefusedRequest(503, 'Too many pages look on already, or the server is stopping.')
    // Closed with its stream, the connection cannot hold up a server that stops.
    ctx.set({ 'Content-Type': 'text/event-stream; charset=utf-8', Connection: 'close', 'X-Accel-Buffering': 'no' })
    ctx.status = 200
    ctx.respond = false
    let forget = () => {}
    const stream = streams.open(ctx.res, guard.watch(ctx), () => forget())
    forget = feed.listen(backend, {
      message: (message) => stream.send('message', toShown(message)),
      reload: () => stream.send('reload', {}),
    })
  }

  async #write(ctx: Koa.Context): Promise<void> {
    const { router, store } = this.#parts
    const { backend, identity, text } = parsed(this.#written, await readForm(ctx))
    const { id } = await router.receive(backend, { identity, text })
    const message = await store.log.find(id)
    this.#done(ctx, { backend, identity }, { message: message === undefined ? null : toShown(message) })
  }

  async #upload(ctx: Koa.Context): Promise<void> {
    const { fields, file } = await readUpload(ctx)
    const person = parsed(this.#person, fields)
    const lines = linesOf(file)
    let taken = 0
    try {
      // One after the other, so that they are recorded in their order and the first that is not taken ends it.
      for (const text of lines) {
        await this.#parts.router.receive(person.backend, { identity: person.identity, text })
        taken++
      }
    } catch (error) {
      if (taken === 0 || !isTemporary(error)) throw error
      throw new RefusedRequest(
        503,
        `The first ${taken} of ${lines.length} messages were sent; then no more were taken.`,
      )
    }
    this.#done(ctx, person, { taken })
  }

  #done(ctx: Koa.Context, person: Person, result: object): void {
    if (wantsJson(ctx)) {
      ctx.body = result
      return
    }
    ctx.status = 303
    ctx.redirect(address(this.#asRecorded(person)))
  }

  /** A number as its messages have it. */
  #asRecorded({ backend, identity }: Person): Person {
    return this.#parts.router.canonical({ backend, identity })
  }

  async #messages(person: Person): Promise<readonly ShownMessage[]> {
    const messages = await this.#parts.store.log.conversation({ ...person, limit: MOST_MESSAGES })
    return messages.map(toShown)
  }

  async #conversations(backend: string): Promise<readonly ConversationLink[]> {
    const { log } = this.#parts.store
    const identities = await log.recentIdentities(backend, MOST_CONVERSATIONS)
    return Promise.all(
      identities.map(async (identity) => {
        const [last] = await log.conversation({ backend, identity, limit: 1 })
        return { identity, last: last?.text ?? '' }
      }),
    )
  }
}

/** A number of the range kept for fiction, so that it is nobody's. */
export function inventedNumber(): string {
  return `1${randomInt(201, 990)}55501${String(randomInt(100)).padStart(2, '0')}`
}

function address({ backend, identity }: Person): string {
  return `${PATH}?${new URLSearchParams({ backend, identity })}`
}

/** Turns what was refused, or cannot be taken now, into an answer. */
const answering: Koa.Middleware = async (ctx, next) => {
  try {
    await next()
  } catch (error) {
    if (error instanceof RefusedRequest) {
      discardRest(ctx.req)
      return answerError(ctx, error.status, error.message)
    }
    if (!isTemporary(error)) throw error
    ctx.set('Retry-After', '5')
    answerError(ctx, 503, 'The message was not taken: the server is stopping, or has too much to do. Try again.')
  }
}

function parsed<Value>(schema: z.ZodType<Value>, given: unknown): Value {
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const faults = result.error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(' '))
  throw new RefusedRequest(400, `${faults.join('; ')}.`)
}

function isTemporary(error: unknown): boolean {
  return error instanceof StoreUnavailableError || error instanceof BacklogError || error instanceof NotRunningError
}
