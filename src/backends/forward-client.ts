import { z } from 'zod'
import type { DeliveryReport } from '../messages/report.ts'
import type { ViewRequest, ViewTools } from '../router/backend.ts'
import { MessageSendError } from '../router/errors.ts'
import { defineBackend } from './define.ts'
import { askPeer, circleAnswer, peerUrl, readJson, refuse } from './forward-peer.ts'
import { incomingRequest, outgoingAnswer, pythonMessage, statusRequest } from './forward-wire.ts'
import { type StateTable, standingOf } from './provider-codes.ts'
import { checked, jsonAnswer, view } from './view.ts'

const settings = z.strictObject({
  serverUrl: peerUrl.describe('The forward server; user and password for basic authentication may stand in it'),
})
type Settings = z.output<typeof settings>

/** Python's classes of statuses (smsframework/data/MessageStatus.py). */
const states = {
  MessageAccepted: 'SENT',
  MessageDelivered: 'DELIVERED',
  MessageExpired: 'EXPIRED',
  MessageError: 'ERROR',
} satisfies StateTable

async function takeMessage(request: ViewRequest, tools: ViewTools<Settings>) {
  const values = readJson(request)
  const { identity, text, address, externalId, via = [], ...fields } = await checked(incomingRequest, values)
  const circle = await circleAnswer(via, tools)
  if (circle !== undefined) return circle
  await tools.receive({
    identity,
    text,
    fields: { ...fields, via },
    ...(address === undefined ? {} : { address }),
    ...(externalId === undefined ? {} : { externalId }),
  })
  return jsonAnswer({ message: values['message'] })
}

async function takeStatus(request: ViewRequest, tools: ViewTools<Settings>) {
  const values = readJson(request)
  await tools.report(toReport(await checked(statusRequest, values)))
  return jsonAnswer({ status: values['status'] })
}

function toReport(said: z.output<typeof statusRequest>): DeliveryReport {
  const { name, msgid, status, status_code, provider, meta, rtime } = said
  const standing = Object.hasOwn(states, name) ? standingOf(states, name) : standingOfFlags(said)
  const isKnown = name === 'MessageStatus' || Object.hasOwn(states, name)
  const code = status_code ?? (isKnown ? undefined : name)
  return {
    externalId: msgid,
    ...standing,
    ...(code === undefined ? {} : { code }),
    ...(status === undefined ? {} : { text: status }),
    fields: { forwarded: true, meta, ...(provider ? { provider } : {}), ...(rtime ? { rtime } : {}) },
  }
}

/** A provider's own class says it by its flags, where they were set on the object itself. */
function standingOfFlags(said: z.output<typeof statusRequest>): Pick<DeliveryReport, 'state' | 'expired'> {
  const { accepted, delivered, expired, error } = said
  if (error) return { state: 'ERROR' }
  if (expired) return { state: 'ERROR', expired: true }
  if (delivered) return { state: 'DELIVERED' }
  return accepted ? { state: 'SENT' } : {}
}

/** Sends and receives through another switchboard, or through py-smsframework's ForwardServerProvider. */
export const forwardClient = defineBackend({
  kind: 'forwardClient',
  settings,
  reports: 'handset',
  views: {
    im: view(['POST'], takeMessage, refuse),
    status: view(['POST'], takeStatus, refuse),
  },
  async send(message, { settings: { serverUrl }, http }) {
    const { msgid, provider, meta } = await askPeer(http, {
      url: serverUrl,
      path: 'im',
      body: { message: pythonMessage(message) },
      what: 'The forward server',
      expected: outgoingAnswer,
      otherwise: MessageSendError,
    })
    const others = z.array(z.string()).catch([]).parse(meta?.['external_ids'])
    return {
      externalIds: msgid === undefined ? others : [msgid, ...others],
      idsName: 'message',
      extra: { ...(provider === undefined ? {} : { provider }), ...(meta == null ? {} : { meta }) },
    }
  },
})
