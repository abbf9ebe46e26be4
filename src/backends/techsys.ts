import { z } from 'zod'
import { defineBackend } from './define.ts'
import { encodeForm } from './form-bytes.ts'
import { errorFromResponse } from './http-client.ts'
import { unexpectedAnswer } from './provider-codes.ts'
import { secret } from './secret.ts'

const WHAT = 'Techsys'

/**
 * Techsys, South Africa, as Vumi used it: it takes a message, says no id, and reports and receives nothing. Its answer
 * is a line of text, of which only the one of success is known.
 */
export const techsys = defineBackend({
  kind: 'techsys',
  settings: z.strictObject({
    url: z.url({ protocol: /^https?$/ }).describe('Where the account sends; Techsys gives each its own'),
    bind: secret(z.string().min(1)).describe('The bind name of the account, which is all that it shows of itself'),
  }),
  reports: 'none',
  async send({ identity, text, params }, { settings: { url, bind }, http }) {
    const own = Object.entries(params).map(([name, value]): [string, string] => [name, String(value)])
    const response = await http.request({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: encodeForm({ bind, msisdn: identity.replace(/^\+/, ''), text, ...Object.fromEntries(own) }),
    })
    if (response.status < 200 || response.status > 299) throw errorFromResponse(response, WHAT, [bind])
    if (!response.text().includes('Message queued successfully')) throw unexpectedAnswer(response, WHAT, [bind])
    return {}
  },
})
