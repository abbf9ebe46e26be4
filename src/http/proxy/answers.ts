import type Koa from 'koa'

/** What came of a request, before it is said in the words of one of the modes. */
export type Outcome =
  | { readonly kind: 'sent'; readonly number: string; readonly isKnown: boolean }
  | { readonly kind: 'checked'; readonly number: string | undefined }
  | { readonly kind: 'missing'; readonly field: 'receiver' | 'number' }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'limited'; readonly retryAfter: number }
  | { readonly kind: 'failed'; readonly number: string }
  | { readonly kind: 'challenged' }
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'callback' }
  | { readonly kind: 'unreadable'; readonly status: number }
  | { readonly kind: 'method' }

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

/** Seconds after which a client may come again when we cannot serve it now. */
const RETRY_AFTER_S = 5

function refusal(status: number, error: string, more: Readonly<Record<string, unknown>> = {}): Answer {
  return { status, body: { status: 'error', error, ...more } }
}

/** In the words of the Nexmo messaging proxy, all of it 200; what that did not know has a status of its own. */
function compatAnswer(outcome: Outcome): Answer {
  switch (outcome.kind) {
    case 'sent':
      return { status: 200, body: { status: 'ok', message: 'Message sent', number: outcome.number } }
    case 'checked':
      return { status: 200, body: { status: 'ok', number: outcome.number ?? false } }
    case 'missing':
      return refusal(200, `${outcome.field}_missing`)
    case 'invalid':
      return refusal(200, 'receiver_validation')
    case 'limited':
      return { ...refusal(200, 'limit_acceded'), headers: retryAfter(outcome.retryAfter) }
    case 'failed':
      return refusal(200, 'nexmo_error', { message: 'Nexmo Service Error', number: outcome.number })
    case 'challenged':
      return refusal(200, 'challenge_failed')
    default:
      return commonAnswer(outcome)
  }
}

/** With the status that HTTP has for it, and names that say what is meant. */
function plainAnswer(outcome: Outcome): Answer {
  switch (outcome.kind) {
    case 'sent': {
      const message = outcome.isKnown ? 'Message sent' : 'Message accepted'
      return { status: outcome.isKnown ? 200 : 202, body: { status: 'ok', message, number: outcome.number } }
    }
    case 'checked': {
      const { number = null } = outcome
      return { status: 200, body: { status: 'ok', valid: number !== null, number } }
    }
    case 'missing':
      return refusal(400, `${outcome.field}_missing`)
    case 'invalid':
      return refusal(400, 'receiver_invalid')
    case 'limited':
      return { ...refusal(429, 'limit_exceeded'), headers: retryAfter(outcome.retryAfter) }
    case 'failed':
      return refusal(502, 'service_error', { message: 'The message was not sent', number: outcome.number })
    case 'challenged':
      return refusal(403, 'challenge_failed')
    default:
      return commonAnswer(outcome)
  }
}

type Common = Extract<Outcome, { kind: 'unavailable' | 'foreign' | 'callback' | 'unreadable' | 'method' }>

function commonAnswer(outcome: Common): Answer {
  switch (outcome.kind) {
    case 'unavailable':
      return { ...refusal(503, 'unavailable'), headers: { 'Retry-After': String(RETRY_AFTER_S) } }
    case 'foreign':
      return refusal(403, 'origin_refused')
    case 'callback':
      return refusal(400, 'callback_refused')
    case 'method':
      return { ...refusal(405, 'method_not_allowed'), headers: { Allow: 'GET, POST, OPTIONS' } }
    case 'unreadable':
      return refusal(outcome.status, 'request_unreadable')
  }
}

/** Whole seconds, as HTTP has them. */
function retryAfter(milliseconds: number): Readonly<Record<string, string>> {
  return { 'Retry-After': String(Math.max(1, Math.ceil(milliseconds / 1_000))) }
}

/** @param callback as `isCallbackName` has found it good: the answer is a script that calls it */
export function writeAnswer(ctx: Koa.Context, outcome: Outcome, compat: boolean, callback: string | undefined): void {
  const { status, body, headers = {} } = compat ? compatAnswer(outcome) : plainAnswer(outcome)
  ctx.set(headers)
  const json = JSON.stringify(body).replace(/[<>&\u2028\u2029]/g, escaped)
  if (callback === undefined) {
    ctx.status = status
    ctx.set('Content-Type', 'application/json; charset=UTF-8')
    ctx.body = json
    return
  }
  // Browsers do not run a script that comes with an error.
  ctx.status = 200
  ctx.set('Content-Type', 'text/javascript; charset=UTF-8')
  ctx.body = `${callback}(${json});`
}

/** Old browsers took anything with a tag in it for a page. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

const LONGEST_CALLBACK = 64
const NAME = String.raw`[A-Za-z_$][\w$]*`
const CALLBACK = new RegExp(`^${NAME}(?:\\.${NAME})*$`)
/** As a function to call, they would do something of their own. */
const RESERVED = new Set(
  (
    'alert arguments await break case catch class close confirm const continue debugger default delete do else enum eval ' +
    'export extends false finally focus for function if import in instanceof let new null open print prompt return ' +
    'static stop super switch this throw true try typeof var void while with yield'
  ).split(' '),
)

/** Whether this is a name such as `jQuery1720_123` or `app.show`, short, and no word of the language. */
export function isCallbackName(given: string): boolean {
  if (given.length > LONGEST_CALLBACK || !CALLBACK.test(given)) return false
  return given.split('.').every((part) => !RESERVED.has(part))
}
