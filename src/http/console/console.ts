import type Router from '@koa/router'
import { Access } from './access.ts'
import type { ConsoleParts } from './console-parts.ts'
import { consoleStyle, icon } from './console-style.ts'
import { ConversationFeed } from './conversation-feed.ts'
import { EventStreams } from './event-streams.ts'
import { Guard } from './guard.ts'
import { Tester } from './tester.ts'

const TESTER = 'httptester'
const MOST_STREAMS = 32

/** The pages for people, under `/console/`. */
export class Console {
  readonly #access: Access
  readonly #guard: Guard
  readonly #streams: EventStreams
  readonly #tester: Tester
  readonly #servedAt: ConsoleParts['servedAt']

  constructor(parts: ConsoleParts) {
    const { router, clock, servedAt } = parts
    const backends = [...router.backends.values()].filter(({ kind }) => kind === TESTER).map(({ name }) => name)
    this.#servedAt = servedAt
    this.#access = new Access(clock)
    this.#guard = new Guard(this.#access, servedAt)
    this.#streams = new EventStreams(clock, MOST_STREAMS)
    const feed = new ConversationFeed(parts)
    this.#tester = new Tester({ ...parts, backends, guard: this.#guard, streams: this.#streams, feed })
  }

  /** Adds the console's pages to the routes. */
  readonly room = (router: Router): void => {
    const { open } = this.#guard
    router.get('/console', open, (ctx) => ctx.redirect('/console/tester'))
    router.get('/console/console.css', open, (ctx) => {
      ctx.type = 'css'
      ctx.body = consoleStyle
    })
    router.get('/console/icon.svg', open, (ctx) => {
      ctx.type = 'svg'
      ctx.body = icon
    })
    this.#tester.room(router)
  }

  /**
   * Makes a link that opens the tester page once and within an hour; undefined where no backend is of its kind.
   * @param served where the server is reached, such as `http://127.0.0.1:8000`; the public address goes before it
   */
  testerLink(served: string): string | undefined {
    if (this.#tester.backends.length === 0) return undefined
    const link = new URL('/console/tester', this.#servedAt.publicUrl ?? served)
    link.searchParams.set('key', this.#access.newKey())
    return link.href
  }

  start(): void {
    this.#streams.start()
  }

  /** Ends the open streams, which would hold up a server that stops. Pages come again once it serves. */
  stop(): void {
    this.#streams.stop()
  }
}
