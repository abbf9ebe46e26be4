import { generateKeyPairSync, sign } from 'node:crypto'

/** What SNS does: signs what it posts, with a key whose certificate it offers. */
export interface SnsPeer {
  /** In PEM. */
  readonly certificate: string
  /** The body SNS posts: the values, with their signature. */
  post(values: Readonly<Record<string, string>>, version?: '1' | '2'): string
}

/** By AWS's documentation, each written out here apart from the code that reads it. */
const SIGNED: Readonly<Record<string, readonly string[]>> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
}

/** Makes a key and its certificate: none has to lie about in a file. */
export function snsPeer(): SnsPeer {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const algorithm = der(0x30, Buffer.from('06092a864886f70d01010b', 'hex'), Buffer.from('0500', 'hex'))
  const name = der(0x30, der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('sns.test')))))
  const validity = der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z')))
  const version = der(0xa0, der(0x02, Buffer.of(2)))
  const serial = der(0x02, Buffer.of(1))
  const info = publicKey.export({ type: 'spki', format: 'der' })
  const toSign = der(0x30, version, serial, algorithm, name, validity, name, info)
  const signature = der(0x03, Buffer.of(0), sign('sha256', toSign, privateKey))
  const base64 = der(0x30, toSign, algorithm, signature).toString('base64')
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    post(values, signatureVersion = '1') {
      const names = (SIGNED[values['Type'] ?? ''] ?? []).filter((each) => each in values)
      const text = names.map((each) => `${each}\n${values[each]}\n`).join('')
      const hash = signatureVersion === '1' ? 'sha1' : 'sha256'
      const Signature = sign(hash, Buffer.from(text), privateKey).toString('base64')
      return JSON.stringify({ ...values, SignatureVersion: signatureVersion, Signature })
    },
  }
}

/** An element of DER: its tag, its length, what it holds. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const long = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...(length < 0x80 ? [length] : long)]), content])
}
