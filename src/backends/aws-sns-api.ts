import type { MessageAttributeValue, SNSClient, SNSClientConfig } from '@aws-sdk/client-sns'
import { errorText } from '../messages/errors.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { HttpClient, HttpResponse, SendResult } from '../router/backend.ts'
import { ConnectionError, ProviderError } from '../router/errors.ts'
import { snsErrors } from './aws-sns-codes.ts'
import type { AwsSnsSettings } from './aws-sns-settings.ts'
import { errorFromResponse, excerptOf } from './http-client.ts'
import { errorOfCode, unexpectedAnswer } from './provider-codes.ts'

const WHAT = 'SNS'
const MOST_PAGES = 100

/** The SDK is heavy: it is loaded with the first message. */
const loadSdk = () => import('@aws-sdk/client-sns')
type Sdk = Awaited<ReturnType<typeof loadSdk>>

/** The API of SNS through AWS's own client, which signs; its requests are made by our HTTP client, with its limits. */
export class SnsApi {
  #credentials: SNSClientConfig['credentials']

  /** Gives a text to one number. */
  async publish(message: OutgoingMessage, settings: AwsSnsSettings, http: HttpClient): Promise<SendResult> {
    const input = {
      PhoneNumber: snsNumber(message.identity),
      Message: message.text,
      MessageAttributes: attributesOf(message, settings),
    }
    return this.#ask(settings, http, async (client, { PublishCommand }) => {
      const { MessageId } = await client.send(new PublishCommand(input))
      return MessageId === undefined ? undefined : { externalIds: [MessageId] }
    })
  }

  /** Whether a number has opted out. */
  isOptedOut(number: string, settings: AwsSnsSettings, http: HttpClient): Promise<boolean> {
    return this.#ask(settings, http, async (client, { CheckIfPhoneNumberIsOptedOutCommand }) => {
      const command = new CheckIfPhoneNumberIsOptedOutCommand({ phoneNumber: snsNumber(number) })
      return (await client.send(command)).isOptedOut
    })
  }

  /** All numbers that have opted out. */
  optedOut(settings: AwsSnsSettings, http: HttpClient): Promise<readonly string[]> {
    return this.#ask(settings, http, async (client, { ListPhoneNumbersOptedOutCommand }) => {
      const numbers: string[] = []
      let nextToken: string | undefined
      for (let pages = 0; pages < MOST_PAGES; pages++) {
        const page = await client.send(
          new ListPhoneNumbersOptedOutCommand(nextToken === undefined ? {} : { nextToken }),
        )
        numbers.push(...(page.phoneNumbers ?? []))
        nextToken = page.nextToken
        if (nextToken === undefined) break
      }
      return numbers
    })
  }

  /** Takes an opt-out back; AWS allows it once in 30 days. */
  async optIn(number: string, settings: AwsSnsSettings, http: HttpClient): Promise<void> {
    await this.#ask(settings, http, async (client, { OptInPhoneNumberCommand }) => {
      await client.send(new OptInPhoneNumberCommand({ phoneNumber: snsNumber(number) }))
      return true
    })
  }

  /** @throws ProviderError for all that goes wrong, and when the answer says nothing */
  async #ask<Answer>(
    settings: AwsSnsSettings,
    http: HttpClient,
    ask: (client: SNSClient, sdk: Sdk) => Promise<Answer | undefined>,
  ): Promise<Answer> {
    const wire = new SdkWire(http)
    const secrets = secretsOf(settings)
    try {
      const sdk = await loadSdk()
      const answer = await ask(this.#client(sdk, settings, wire), sdk)
      if (answer !== undefined) return answer
    } catch (error) {
      throw errorOf(error, wire.answer, secrets)
    }
    throw wire.answer === undefined ? new ConnectionError(`${WHAT} was not asked.`) : said(wire.answer, secrets)
  }

  #client({ SNSClient }: Sdk, { region, endpoint, credentials }: AwsSnsSettings, wire: SdkWire): SNSClient {
    const own = credentials === undefined ? this.#credentials : credentialsOf(credentials)
    const client = new SNSClient({
      region,
      maxAttempts: 1,
      requestHandler: wire.handler,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(own === undefined ? {} : { credentials: own }),
    })
    // What the SDK found in the surroundings it keeps until it expires: the next client need not look again.
    if (own === undefined) this.#credentials = client.config.credentials
    return client
  }
}

/** A copy, since the SDK writes into what it is given. */
function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: NonNullable<AwsSnsSettings['credentials']>) {
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
}

/** E.164 with its plus sign; what is no international number is left as it is. */
function snsNumber(identity: string): string {
  return /^(00)?[1-9]\d{6,14}$/.test(identity) ? `+${identity.replace(/^00/, '')}` : identity
}

type Attributes = Record<string, MessageAttributeValue>

/** Parameters of the message come last, and override. */
function attributesOf({ address, options, params }: OutgoingMessage, settings: AwsSnsSettings): Attributes {
  const { from, smsType, maxPrice, entityId, templateId } = settings
  const sender = options.senderId ?? address ?? from
  const isNumber = sender !== undefined && /^\+?\d+$/.test(sender)
  const values = {
    'AWS.SNS.SMS.SenderID': isNumber ? undefined : sender,
    'AWS.MM.SMS.OriginationNumber': isNumber ? snsNumber(sender) : undefined,
    'AWS.SNS.SMS.SMSType': options.escalate === true ? 'Transactional' : smsType,
    'AWS.SNS.SMS.MaxPrice': maxPrice,
    'AWS.MM.SMS.EntityId': entityId,
    'AWS.MM.SMS.TemplateId': templateId,
    ...params,
  }
  const attributes: Attributes = {}
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === null) continue
    const isPrice = typeof value === 'number' || name === 'AWS.SNS.SMS.MaxPrice'
    attributes[name] = {
      DataType: isPrice ? 'Number' : 'String',
      StringValue: typeof value === 'object' ? JSON.stringify(value) : String(value),
    }
  }
  return attributes
}

function secretsOf({ credentials }: AwsSnsSettings): readonly string[] {
  return [credentials?.secretAccessKey, credentials?.sessionToken].flatMap((secret) => secret ?? [])
}

function errorOf(error: unknown, answer: HttpResponse | undefined, secrets: readonly string[]): ProviderError {
  if (error instanceof ProviderError) return error
  if (answer === undefined) {
    // Credentials that could not be found or fetched, most of all: nothing has left.
    return new ConnectionError(`${WHAT} was not asked: ${excerptOf(errorText(error), secrets)}`, { cause: error })
  }
  const code = error instanceof Error ? error.name.replace(/Exception$/, '') : ''
  const isCode = /^[A-Z]\w+$/.test(code) && !NO_CODES.test(code)
  if (Object.hasOwn(snsErrors, code) || (isCode && answer.status >= 400 && answer.status < 500)) {
    return errorOfCode(snsErrors, code, { what: WHAT, text: errorText(error), secrets })
  }
  return said(answer, secrets)
}

/** What errors are called that have no code of the service. */
const NO_CODES = /^(Unknown|Error|[A-Z]\w*Error|SNSService)$/

function said(answer: HttpResponse, secrets: readonly string[]): ProviderError {
  const isTaken = answer.status >= 200 && answer.status < 300
  return isTaken ? unexpectedAnswer(answer, WHAT, secrets) : errorFromResponse(answer, WHAT, secrets)
}

/** A request as the SDK has it ready. */
interface SdkRequest {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Makes the requests of one client of the SDK, in place of its own HTTP. */
class SdkWire {
  readonly #http: HttpClient
  /** The last answer, as it came. */
  answer: HttpResponse | undefined

  constructor(http: HttpClient) {
    this.#http = http
  }

  /** As the SDK wants it. */
  get handler() {
    return {
      metadata: { handlerProtocol: 'http/1.1' },
      handle: (request: SdkRequest) => this.#handle(request),
      updateHttpClientConfig() {},
      httpHandlerConfigs: () => ({}),
    }
  }

  async #handle({ method, protocol, hostname, port, path, headers, body }: SdkRequest) {
    this.answer = await this.#http.request({
      method,
      url: `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`,
      headers,
      ...(typeof body === 'string' || body instanceof Uint8Array ? { body } : {}),
    })
    const { status: statusCode, headers: answered, body: bytes } = this.answer
    return { response: { statusCode, headers: textsOf(answered), body: bytes } }
  }
}

function textsOf(headers: HttpResponse['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
