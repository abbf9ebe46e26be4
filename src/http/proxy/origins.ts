import type Koa from 'koa'

export interface OriginRules {
  /** Origins of other sites that may ask; `*` for all. */
  readonly origins: readonly string[]
  readonly jsonp: boolean
  /** How this server is reached, for who set it. */
  readonly publicUrl: string | undefined
}

/** Seconds that browsers need not ask again whether they may. */
const PREFLIGHT_AGE_S = 600

/** Whose pages may ask. Programs that are no browsers name no origin, and are not told apart. */
export class Origins {
  readonly #rules: OriginRules

  constructor(rules: OriginRules) {
    this.#rules = rules
  }

  /**
   * Sets the headers of CORS.
   * @param host of the request, as the outside wrote it
   * @returns whether the request may be answered
   */
  admit(ctx: Koa.Context, host: string): boolean {
    const { origin } = ctx.req.headers
    const { origins } = this.#rules
    if (!origins.includes('*')) ctx.vary('Origin')
    if (origin === undefined) return this.#admitsUnnamed(ctx, host)
    if (this.#isListed(origin)) {
      ctx.set('Access-Control-Allow-Origin', origins.includes('*') ? '*' : origin)
      return true
    }
    return this.#isOwn(origin, host)
  }

  /** Answers what a browser asks before it asks. */
  preflight(ctx: Koa.Context): void {
    ctx.set('Access-Control-Allow-Methods', 'GET, POST')
    ctx.set('Access-Control-Allow-Headers', 'Content-Type')
    ctx.set('Access-Control-Max-Age', String(PREFLIGHT_AGE_S))
    ctx.status = 204
  }

  /** Scripts, pictures and links of other sites name no origin, but browsers tell that they are of another site. */
  #admitsUnnamed(ctx: Koa.Context, host: string): boolean {
    const { 'sec-fetch-site': site, 'sec-fetch-dest': destination, referer } = ctx.req.headers
    if (site === undefined || site === 'same-origin' || site === 'none') return true
    const { origins, jsonp } = this.#rules
    // What JSONP is for is a script; a picture or a link would send without the page ever seeing the answer.
    if (origins.length === 0) return jsonp && destination === 'script'
    const from = referer !== undefined && URL.canParse(referer) ? new URL(referer).origin : undefined
    return origins.includes('*') || (from !== undefined && (this.#isListed(from) || this.#isOwn(from, host)))
  }

  #isListed(origin: string): boolean {
    return this.#rules.origins.includes('*') || this.#rules.origins.includes(origin)
  }

  /** Behind a proxy that ends TLS the scheme is another, so that hosts alone are compared. */
  #isOwn(origin: string, host: string): boolean {
    if (!URL.canParse(origin)) return false
    const given = new URL(origin).host
    const { publicUrl } = this.#rules
    return given === host.toLowerCase() || (publicUrl !== undefined && given === new URL(publicUrl).host)
  }
}
