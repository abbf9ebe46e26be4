import type { CallbackDelivery, CallbackValues, NewCallback, StoredCallback } from '../../src/store/callback-store.ts'
import type { Store } from '../../src/store/store.ts'
import { incomingRow, NOW, T0 } from './store-rows.ts'

export const LEASE = 60_000
export const DAY = 24 * 3600_000
const MANY = 1_000

export function callbackRow(values: Partial<NewCallback> = {}): NewCallback {
  return {
    ...{ user: 'ann', name: 'sms_received', url: 'http://receiver.example/', target: 'receiver', format: 'json' },
    ...{ backends: null, secret: 'whsec_c2VjcmV0', createdAt: T0, updatedAt: T0 },
    ...values,
  }
}

export async function addCallback(
  store: Pick<Store, 'callbacks'>,
  values: Partial<NewCallback> = {},
): Promise<StoredCallback> {
  const added = await store.callbacks.add(callbackRow(values), MANY)
  if (added === undefined) throw new Error('there are too many')
  return added
}

/** What may be changed of a callback, as it is. */
export function valuesOf({ name, url, target, format, backends, secret }: StoredCallback): CallbackValues {
  return { name, url, target, format, backends, secret }
}

/** What tests do with the callbacks of a store, which may be another one for each test. */
export function callbackWork(kit: { readonly store: Store }) {
  const claim = (values: object = {}) => {
    const request = { target: 'receiver', holder: 'me', now: NOW, until: NOW + LEASE, limit: 100, page: 100, after: 0 }
    return kit.store.callbacks.claim({ ...request, ...values })
  }
  const claimed = async (values: object = {}) => (await claim(values)).deliveries
  const held = ({ seq }: CallbackDelivery, holder = 'me') => ({ seq, holder, target: 'receiver' })
  const done = async (delivery: CallbackDelivery, holder = 'me') =>
    kit.store.callbacks.settle([{ ...held(delivery, holder), kind: 'delivered', now: NOW + DAY }])
  return {
    ...{ claim, claimed, held, done },
    add: (values: Partial<NewCallback> = {}) => addCallback(kit.store, values),
    async receive(values: Parameters<typeof incomingRow>[0] = {}) {
      const row = incomingRow(values)
      await kit.store.recordIncoming([row])
      return row.id
    },
    /** Everything that is told, in the order of each lane. */
    async told(target = 'receiver') {
      const all: CallbackDelivery[] = []
      for (let batch = await claimed({ target }); batch.length > 0; batch = await claimed({ target })) {
        for (const delivery of batch) await done(delivery)
        all.push(...batch)
      }
      return all
    },
    /** What is claimed, where something must be. */
    async one(values: object = {}) {
      const [delivery] = await claimed(values)
      if (delivery === undefined) throw new Error('nothing was claimed')
      return delivery
    },
  }
}
