import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { checkout } from './support/process.ts'

/** What users may lean on. A name that goes from here, or changes its meaning, is a new major version. */
const publicNames: Readonly<Record<string, string>> = {
  '.': `
    Answer App AppContext AppTimeoutError AuthError BackendCheck BackendDefinition BackendInput BackendMemory BackendMethod
    Broadcast BroadcastCap BroadcastFault BroadcastProgress BroadcastRecipients BroadcastRequest Broadcasts BroadcastState BroadcastTo
    Callback CallbackChange CallbackFormat CallbackInput CallbackName CallbackOwner Callbacks CallbackStanding CallbackWithSecret DeadCallback
    BacklogError BatchOutcome CancelledError Challenge ChallengeRequest CheckedMessage ChosenCoding codingOf Connection ConnectionError Contact
    CreateOptions createSwitchboard CreditError decodeBytes defineApp defineBackend defineSettings DeliveryReport
    DocumentConflictError Fields hexBytes HttpClient IncomingMessage IncomingState InvalidInputError isGsmText
    LimitsError measureText MessageClass messageClasses MessageSendError MigrationError NotRunningError Outbox
    OutboxDetails OutboxMessage OutgoingMessage OutgoingState outgoingStates parseUdh PausedError ProviderError QueueUnavailableError Received
    ReportById ReportByNumber ReportClass reportClasses reportClassesOf
    ReceivedMessage ReceivedPart Recipient RequestError RespondOptions RouteChoice RoutedMessage Router RoutingError RoutingFunction SendOptions SendRequest SendResult
    SendTools SentMessage ServerError SettingsError SettingsFault SettingsInput StaleResultError StoreLockedError
    StoreUnavailableError Switchboard SwitchboardError TakenOverError TakenPart Text TextCoding TextSize transition Udh
    Template TemplateInput TemplateList TemplateRecipient TemplateRequest TemplateRule TemplateRules Templates TemplateUse TextRequest
    IdempotencyMismatchError LaterRequests LeftOut Submission
    EventName Events Hook HookContext HookError HookOptions HookTimeoutError ReceiveEvent SendEvent StatusEvent
    UdhPart UnsupportedError utf16Bytes utf16Hex View ViewAnswer ViewRequest ViewTools
  `,
  './backends': `
    africasTalking androidGateway awsSns BackendDefinition BackendInput checked clickatell clickatellPlatform CodeDetails CommonBackendInput Confirmation confirmView ConfirmViewOptions
    decodeForm decodePairs decodeText defineBackend dummy elementsOf encodeForm encodeText errorFromResponse
    errorOfCode errorsAnswer ErrorTable escapeXml excerpt excerptOf FieldErrors FormPair formPairs httpBackend
    HttpBackendOptions HttpSend httptester identityField incomingForm IncomingValues incomingView IncomingViewOptions
    isKnownCharset jsonAnswer jsonOf kannel logBackend loopback MessagePart methodNotAllowed nullBackend OutboxValues
    outboxView OutboxViewOptions Params parseUrlencoded parseXml plainAnswer plainText readValues RefusedRequest
    requestPairs RequestValues secret SendSettingsInput standingOf stateOf StateTable statusView StatusViewOptions textField
    textOf timingSafeEqualText twilio unexpectedAnswer unreadableAnswer UnreadableRequest view vonage
    xmlAnswer XmlElement xmlOf
    ChooseBackend ChooseClients ForwardedRequest ForwardSubject forwardClient forwardServer
    atsSmsOperator eScape opera smsOperator techsys vianett vumi
  `,
  './apps': `
    defaultReply DefaultReplyOptions defineApp echo keyword KeywordContext KeywordHandlers KeywordOptions optOut OptOutOptions pattern
    PatternContext ping
  `,
  './http': `
    KoaContext koaMiddleware RequestCallback Route
  `,
  './testing': `
    BackendTable BatchRow CallRow Canned CheckRow describeBackend Duration ExpectedError ExpectedMessage
    ExpectedRequest FakeBackend fakeBackend FakeReport FarRequest FarSide farSide IncomingRow LogLine OutgoingRow
    PollRow ReportRow RequestRow RowMessage TestClock TestMessage TestOptions TestRunner TestSwitchboard
    testSwitchboard
  `,
}

const manifest = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>
}
const tsconfig = JSON.parse(readFileSync(join(checkout, 'tsconfig.json'), 'utf8')) as {
  readonly compilerOptions: { readonly paths: Readonly<Record<string, readonly string[]>> }
}
const entries = Object.keys(manifest.exports)

/** `./backends` → `src/backends/index.ts` */
function sourceOf(entry: string): string {
  return join('src', entry, 'index.ts')
}

function namesOf(entry: string): string[] {
  const source = readFileSync(join(checkout, sourceOf(entry)), 'utf8')
  const lists = [...source.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) => list.split(','))
  const names = lists.map((item) =>
    item
      .trim()
      .replace(/^type /, '')
      .replace(/^.* as /, ''),
  )
  return names.filter((name) => name !== '').sort()
}

describe('the public entries', () => {
  it('are the index.ts files of src', () => {
    const indexes = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => /(^|\/)index\.ts$/.test(file))
      .map((file) => join('src', file))
    expect(indexes).to.have.members(entries.map(sourceOf))
  })

  for (const entry of entries) {
    describe(entry, () => {
      it('leads to what is compiled from it', () => {
        const compiled = `./${join('dist', entry, 'index')}`
        expect(manifest.exports[entry]).to.deep.equal({ types: `${compiled}.d.ts`, default: `${compiled}.js` })
        expect(existsSync(join(checkout, sourceOf(entry)))).to.equal(true)
      })

      it('is found by its public name in this checkout too', () => {
        const name = join('sms-switchboard', entry)
        expect(tsconfig.compilerOptions.paths[name]).to.deep.equal([`./${sourceOf(entry)}`])
      })

      it('re-exports by name, and nothing else', () => {
        const source = readFileSync(join(checkout, sourceOf(entry)), 'utf8')
        const rest = source.replace(/^export (?:type )?\{[^}]*\} from '[^']+'$/gm, '').trim()
        expect(rest).to.equal('')
      })

      it('has the names that were agreed on', () => {
        const agreed = (publicNames[entry] ?? '').split(/\s+/).filter((name) => name !== '')
        expect(namesOf(entry)).to.deep.equal(agreed.sort())
      })
    })
  }
})
