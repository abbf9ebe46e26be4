import { type KeyObject, verify, X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { keep } from '../messages/bounded-map.ts'
import type { HttpClient } from '../router/backend.ts'
import { errorFromResponse } from './http-client.ts'

const text = z.string('a text is expected')

/** What SNS posts: the message stands in `Message`, all else is about it. Documented as "HTTP/HTTPS notification JSON". */
export const snsEnvelope = z.looseObject({
  Type: z.enum(['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation']),
  MessageId: text.min(1),
  TopicArn: text,
  Message: text,
  Timestamp: text,
  Subject: text.nullish(),
  SubscribeURL: text.nullish(),
  Token: text.nullish(),
  SignatureVersion: text,
  Signature: text,
  SigningCertURL: text,
})
export type SnsEnvelope = z.output<typeof snsEnvelope>

/** In the order of their bytes; those that are absent are left out. */
const SIGNED = {
  Notification: [['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']],
  SubscriptionConfirmation: [['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']],
  // The second as aws-js-sns-message-validator has it: it and the documentation differ on the token.
  UnsubscribeConfirmation: [
    ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
    ['Message', 'MessageId', 'Subject', 'SubscribeURL', 'Timestamp', 'TopicArn', 'Type'],
  ],
} as const

const ALGORITHMS: Readonly<Record<string, string>> = { '1': 'RSA-SHA1', '2': 'RSA-SHA256' }

/** The texts that may have been signed, most likely first: name and value of each, a line each. */
export function snsSignedTexts(envelope: SnsEnvelope): readonly string[] {
  return SIGNED[envelope.Type].map((names) =>
    names
      .flatMap((name) => {
        const value = envelope[name] ?? undefined
        return value === undefined ? [] : [`${name}\n${value}\n`]
      })
      .join(''),
  )
}

/** Whether the holder of a certificate signed what came. */
export function isSignedBySns(envelope: SnsEnvelope, key: KeyObject): boolean {
  const { SignatureVersion: version, Signature: signature } = envelope
  const algorithm = Object.hasOwn(ALGORITHMS, version) ? ALGORITHMS[version] : undefined
  if (algorithm === undefined || key.asymmetricKeyType !== 'rsa') return false
  const bytes = Buffer.from(signature, 'base64')
  return snsSignedTexts(envelope).some((signed) => verify(algorithm, Buffer.from(signed, 'utf8'), key, bytes))
}

const CERTIFICATE_URL = /^https:\/\/sns\.([a-z0-9-]{3,30})\.amazonaws\.com(?:\.cn)?\/[\w.-]{1,200}\.pem$/
const TOPIC = /^arn:aws[\w-]*:sns:([a-z0-9-]{3,30}):\d{12}:[\w-]{1,256}(?:\.fifo)?$/

/** The region of a topic's ARN; undefined when it is none. */
export function snsRegionOf(topicArn: string): string | undefined {
  return TOPIC.exec(topicArn)?.[1]
}

/** A certificate is taken from nobody but SNS itself, in the region of the topic. */
function isCertificateUrl({ SigningCertURL, TopicArn }: SnsEnvelope): boolean {
  const region = CERTIFICATE_URL.exec(SigningCertURL)?.[1]
  return region !== undefined && region === snsRegionOf(TopicArn)
}

/** The public key of a certificate in PEM; undefined when it is none. */
export function keyOfCertificate(pem: string | Uint8Array): KeyObject | undefined {
  try {
    return new X509Certificate(pem).publicKey
  } catch {
    return undefined
  }
}

const FETCH_LIMIT_MS = 5_000
const MOST_CERTIFICATES = 20

/** The certificates of SNS, each fetched once. */
export class SnsCertificates {
  readonly #keys = new Map<string, Promise<KeyObject | undefined>>()

  /**
   * The key that has to have signed what came.
   * @param given certificates by their URLs; where there are any, none is fetched
   * @returns undefined when there is no such certificate, or its URL is not one of SNS
   * @throws ProviderError when it cannot be fetched now
   */
  async keyOf(
    envelope: SnsEnvelope,
    http: HttpClient,
    given: Readonly<Record<string, string>> | undefined,
  ): Promise<KeyObject | undefined> {
    if (!isCertificateUrl(envelope)) return undefined
    const url = envelope.SigningCertURL
    if (given !== undefined) return Object.hasOwn(given, url) ? keyOfCertificate(given[url] ?? '') : undefined
    const known = this.#keys.get(url)
    if (known !== undefined) return known
    const fetching = fetchKey(url, http)
    keep(this.#keys, MOST_CERTIFICATES, url, fetching)
    try {
      const key = await fetching
      if (key === undefined) this.#keys.delete(url)
      return key
    } catch (error) {
      this.#keys.delete(url)
      throw error
    }
  }
}

async function fetchKey(url: string, http: HttpClient): Promise<KeyObject | undefined> {
  const response = await http.request({ url, timeLimit: FETCH_LIMIT_MS })
  if (response.status === 200) return keyOfCertificate(response.body)
  const error = errorFromResponse(response, 'SNS')
  if (error.retry) throw error
  return undefined
}
