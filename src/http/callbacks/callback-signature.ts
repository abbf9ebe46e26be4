import { createHmac } from 'node:crypto'

const PREFIX = 'whsec_'

/**
 * Signs a request as https://www.standardwebhooks.com describes it: HMAC-SHA256, in base64, over the id, the time and
 * the body, with dots between them.
 * @param secret `whsec_` and the bytes of the key in base64
 * @param at seconds since 1970
 */
export function signatureHeaders(secret: string, id: string, at: number, body: string): Record<string, string> {
  const key = Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${signature}` }
}
