import { z } from 'zod'
import type { SendTools } from '../router/backend.ts'
import { headersOf, moneyOf, SERVICE, withSlash } from './africas-talking-send.ts'
import { type AfricasTalkingSettings, hostsOf } from './africas-talking-settings.ts'
import { incomingWords } from './africas-talking-words.ts'
import { incomingForm } from './form.ts'
import { encodeForm } from './form-bytes.ts'
import { errorFromResponse } from './http-client.ts'
import { jsonOf, unexpectedAnswer } from './provider-codes.ts'

type Tools = SendTools<AfricasTalkingSettings>

const ANY_ID = /^\d{1,30}$/
const id = z.union([z.int().nonnegative().transform(String), z.string().regex(ANY_ID)])
const incoming = incomingForm.extend({ ...incomingWords, externalId: id })
const page = z.looseObject({
  SMSMessageData: z.looseObject({ Messages: z.array(z.looseObject({ id })) }),
})

const MOST_PAGES = 100
const LAST_ID = 'lastReceivedId'

/** Fetches the messages behind the last one known, page after page, and remembers after each where it got to. */
export async function poll(tools: Tools): Promise<void> {
  const remembered = await tools.memory.get(LAST_ID)
  let last = typeof remembered === 'string' && ANY_ID.test(remembered) ? BigInt(remembered) : 0n
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const messages = await fetchPage(last, tools)
    const newest = messages.at(-1)
    for (const message of messages) await receive(message, tools)
    if (newest === undefined || BigInt(newest.id) <= last) return
    last = BigInt(newest.id)
    await tools.memory.put(LAST_ID, newest.id)
  }
}

type Polled = z.output<typeof page>['SMSMessageData']['Messages'][number]

async function receive({ id: externalId, from, to, ...rest }: Polled, tools: Tools): Promise<void> {
  const read = incoming.safeParse({ ...rest, identity: from, address: to, externalId })
  if (!read.success) {
    // It would stand in the way of all that come behind it.
    tools.logger.warn({ backend: tools.backend, externalId }, 'a polled message that cannot be read is left out')
    return
  }
  const { identity, text, address, externalId: _, ...fields } = read.data
  await tools.receive({ identity, text, fields, ...(address === undefined ? {} : { address }), externalId })
}

/** In the order of their ids. */
async function fetchPage(last: bigint, tools: Tools): Promise<readonly Polled[]> {
  const { username, pollKeyword: keyword, pollShortCode: shortCode } = tools.settings
  const query = { username, lastReceivedId: String(last), keyword, shortCode }
  const { SMSMessageData } = await ask('version1/messaging', query, page, tools)
  return SMSMessageData.Messages.toSorted((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1))
}

const account = z.looseObject({
  UserData: z.looseObject({
    balance: z.string().transform((text, context) => {
      const money = moneyOf(text)
      if (money === undefined) context.addIssue({ code: 'custom', message: 'an amount is expected' })
      return money ?? z.NEVER
    }),
  }),
})

/** What is left on the account: `{ amount: 1785.5, currency: 'KES' }`. */
export async function balance(tools: Tools): Promise<{ readonly amount: number; readonly currency: string }> {
  const { UserData } = await ask('version1/user', { username: tools.settings.username }, account, tools)
  return UserData.balance
}

async function ask<Answer>(
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  form: z.ZodType<Answer>,
  { settings, http }: Tools,
): Promise<Answer> {
  const secrets = [settings.apiKey]
  const url = new URL(`${path}?${encodeForm(query)}`, withSlash(hostsOf(settings).bulk)).href
  const response = await http.request({ url, headers: headersOf(settings) })
  if (response.status < 200 || response.status > 299) throw errorFromResponse(response, SERVICE, secrets)
  const said = form.safeParse(jsonOf(response, SERVICE, secrets))
  if (!said.success) throw unexpectedAnswer(response, SERVICE, secrets)
  return said.data
}
