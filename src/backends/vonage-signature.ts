import { createHash, createHmac } from 'node:crypto'
import { timingSafeEqualText } from './signature.ts'

/** As Vonage's libraries name them; which one is a setting of the account. */
export const vonageAlgorithms = ['md5hash', 'md5hmac', 'sha1hmac', 'sha256hmac', 'sha512hmac'] as const

/** How messages of one account are signed. */
export interface VonageSigning {
  readonly secret: string
  readonly algorithm: (typeof vonageAlgorithms)[number]
}

/**
 * The signature of parameters, in lower case hexadecimal digits, by Vonage's guide "Signing Messages": `&name=value` of
 * all but `sig`, sorted by name, with `_` for each `&` and `=` in a value.
 */
export function vonageSignature(
  values: Readonly<Record<string, unknown>>,
  { secret, algorithm }: VonageSigning,
): string {
  const text = Object.keys(values)
    .filter((name) => name !== 'sig')
    .sort()
    .map((name) => `&${name}=${written(values[name]).replace(/[&=]/g, '_')}`)
    .join('')
  if (algorithm === 'md5hash') return createHash('md5').update(text).update(secret).digest('hex')
  return createHmac(algorithm.replace('hmac', ''), secret).update(text).digest('hex')
}

/**
 * Whether what came in was signed, and lately.
 * @param now milliseconds since 1970
 * @param tolerance seconds that its timestamp may be away from now
 */
export function isSignedByVonage(
  values: Readonly<Record<string, unknown>>,
  signing: VonageSigning,
  { now, tolerance }: { readonly now: number; readonly tolerance: number },
): boolean {
  // Names stand in the signed text as they are: with these signs, one value could be passed off as two, or two as one.
  if (Object.keys(values).some((name) => /[&=]/.test(name))) return false
  const timestamp = written(values['timestamp'])
  const isLate = !/^\d{1,12}$/.test(timestamp) || Math.abs(now / 1000 - Number(timestamp)) > tolerance
  const isSigned = timingSafeEqualText(vonageSignature(values, signing), written(values['sig']).toLowerCase())
  return isSigned && !isLate
}

function written(value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}
