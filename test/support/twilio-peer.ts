import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks.js'

/** The auth token of the account in the tests. */
export const TOKEN = '12345-auth-token'

/** The signature that Twilio's own library writes. */
export function signed(url: string, values: Readonly<Record<string, unknown>> = {}, token = TOKEN): string {
  return getExpectedTwilioSignature(token, url, { ...values })
}
