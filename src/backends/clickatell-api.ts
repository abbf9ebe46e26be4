import type { BatchOutcome, HttpClient, HttpResponse } from '../router/backend.ts'
import { ConnectionError, type ProviderError } from '../router/errors.ts'
import { clickatellErrors } from './clickatell-codes.ts'
import { encodeForm } from './form-bytes.ts'
import { errorFromResponse, excerptOf } from './http-client.ts'
import { errorOfCode, unexpectedAnswer } from './provider-codes.ts'

const WHAT = 'Clickatell'

/** Who asks, where, and in which charset texts are written. */
export interface ClickatellAccount {
  readonly baseUrl: string
  readonly apiId: string
  readonly user: string
  readonly password: string
  readonly charset: string
}

type Values = Readonly<Record<string, string | number | undefined>>

/** One line of an answer: `ID: …`, `OK: …`, `Credit: …` with what follows, or `ERR: 105, Invalid …`. */
interface Line {
  readonly words: ReadonlyMap<string, string>
  readonly error?: { readonly code: string; readonly text: string }
}

/** The commands of the classic HTTP API. Every answer has status 200, errors too. */
export class ClickatellApi {
  readonly #account: ClickatellAccount
  readonly #http: HttpClient
  readonly #secrets: readonly string[]

  constructor(account: ClickatellAccount, http: HttpClient) {
    this.#account = account
    this.#http = http
    this.#secrets = [account.password]
  }

  /** Gives one text to several numbers, of digits alone; one outcome for each, in their order. */
  async send(numbers: readonly string[], values: Values): Promise<readonly BatchOutcome[]> {
    const response = await this.#request('sendmsg', { to: numbers.join(','), ...values })
    const lines = linesOf(response)
    const [first] = lines
    if (first === undefined) throw unexpectedAnswer(response, WHAT, this.#secrets)
    const isForAll = lines.length === 1 && !first.words.has('To')
    if (isForAll && first.error !== undefined) throw this.#errorOf(first.error)
    const isFor = ({ words }: Line, number: string | undefined) => words.get('To')?.replace(/\D/g, '') === number
    const isInOrder =
      lines.length === numbers.length &&
      lines.every((line, index) => !line.words.has('To') || isFor(line, numbers[index]))
    return numbers.map((number, index) => {
      return this.#outcomeOf(isInOrder ? lines[index] : lines.find((line) => isFor(line, number)), response)
    })
  }

  /** Asks something that is answered in one line; its words by their names. */
  async ask(command: string, values: Values = {}): Promise<ReadonlyMap<string, string>> {
    const response = await this.#request(command, values)
    const [line] = linesOf(response)
    if (line === undefined) throw unexpectedAnswer(response, WHAT, this.#secrets)
    if (line.error !== undefined) throw this.#errorOf(line.error)
    return line.words
  }

  #outcomeOf(line: Line | undefined, response: HttpResponse): BatchOutcome {
    if (line?.error !== undefined) return { error: this.#errorOf(line.error) }
    const id = line?.words.get('ID')
    if (id !== undefined && id !== '') return { result: { externalIds: [id] } }
    const said = excerptOf(response.text(), this.#secrets)
    const text = `${WHAT} answered without a word about this recipient: ${said}`
    return { error: new ConnectionError(text, { outcomeUnknown: true }) }
  }

  #errorOf({ code, text }: NonNullable<Line['error']>): ProviderError {
    return errorOfCode(clickatellErrors, code, { what: WHAT, text, secrets: this.#secrets, ...pauseOf(code, text) })
  }

  async #request(command: string, values: Values): Promise<HttpResponse> {
    const { baseUrl, apiId, user, password, charset } = this.#account
    const response = await this.#http.request({
      method: 'POST',
      url: `${baseUrl.replace(/\/+$/, '')}/http/${command}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: encodeForm({ api_id: apiId, user, password, ...values }, charset),
    })
    if (response.status < 200 || response.status > 299) throw errorFromResponse(response, WHAT, this.#secrets)
    return response
  }
}

/** Lines that say nothing known are left out. */
function linesOf(response: HttpResponse): readonly Line[] {
  return response
    .text()
    .split(/\r?\n/)
    .flatMap((text) => lineOf(text.trim()) ?? [])
}

function lineOf(text: string): Line | undefined {
  const [, code, said = '', to] = /^ERR:\s*(\d{1,5})\s*,?\s*(.*?)(?:\s+To:\s*(\S+))?$/.exec(text) ?? []
  if (code !== undefined) {
    return { words: new Map(to === undefined ? [] : [['To', to]]), error: { code: code.padStart(3, '0'), text: said } }
  }
  if (!/^(ID|OK|Credit):/.test(text)) return undefined
  return {
    words: new Map([...text.matchAll(/(\w+):\s*([^\s:]*)(?=\s|$)/g)].map(([, name = '', value = '']) => [name, value])),
  }
}

const LIMIT_EXCEEDED = '130'

/** `130, Max MT limit exceeded until <unix time>` says when to come again. */
function pauseOf(code: string, text: string): { readonly retryAfter?: number } {
  const until = /\b(\d{10})\b/.exec(text)?.[1]
  const wait = Number(until) * 1000 - Date.now()
  return code === LIMIT_EXCEEDED && wait > 0 ? { retryAfter: wait } : {}
}
