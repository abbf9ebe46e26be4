import { expect } from 'chai'
import type { Connection } from '../../../src/messages/incoming.ts'
import { StoreUnavailableError } from '../../../src/store/errors.ts'
import { rejection } from '../../support/rejection.ts'
import { change, contactRow, incomingLane, incomingRow, processFirst, T0 } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const A = { backend: 'gateway', identity: 'A' }
const B = { backend: 'gateway', identity: 'B' }
const C = { backend: 'other', identity: 'C' }

/** Contacts, groups, documents, effects, and the store's own life. */
export function describePeople(kit: StoreKit): void {
  describe('contacts', () => {
    const linked = (contactId: string, connection: Connection) =>
      ({ kind: 'connection-linked', connection, contactId }) as const
    const hear = async (connection: Connection, at: number) => {
      await kit.store.recordIncoming([incomingRow({ ...connection, receivedAt: at })])
      await processFirst(kit.store, incomingLane(connection.identity, connection.backend), { at })
    }

    it('are found by id and by connection', async () => {
      const contact = contactRow()
      await change(kit.store, [{ kind: 'contact-created', contact }, linked(contact.id, A)])
      expect(await kit.store.contacts.find(contact.id)).to.deep.equal(contact)
      expect(await kit.store.contacts.ofConnection(A)).to.deep.equal(contact)
      expect(await kit.store.contacts.ofConnection(B)).to.equal(undefined)
      expect(await kit.store.contacts.find('nobody')).to.equal(undefined)
    })

    it('may get a connection that belonged to another', async () => {
      const [first, second] = [contactRow(), contactRow()]
      await change(kit.store, [
        { kind: 'contact-created', contact: first },
        { kind: 'contact-created', contact: second },
        linked(first.id, A),
      ])
      await change(kit.store, [linked(second.id, A)])
      expect((await kit.store.contacts.ofConnection(A))?.id).to.equal(second.id)
      expect(await kit.store.contacts.connectionsOf(first.id)).to.deep.equal([])
    })

    it('name the connection last heard from first', async () => {
      const contact = contactRow()
      await change(kit.store, [
        { kind: 'contact-created', contact },
        ...[A, B, C].map((connection) => linked(contact.id, connection)),
      ])
      for (const [heard, order] of [
        [B, ['B', 'A', 'C']],
        [C, ['C', 'B', 'A']],
        [A, ['A', 'C', 'B']],
        [B, ['B', 'A', 'C']],
      ] as const) {
        await hear(heard, T0 + 1_000 * (await kit.store.log.counts()).incoming)
        const connections = await kit.store.contacts.connectionsOf(contact.id)
        expect(connections.map(({ identity }) => identity)).to.deep.equal(order)
      }
      expect(await kit.store.contacts.connectionsOf(contact.id)).to.deep.equal([B, A, C])
    })

    it('count a connection as heard from by the message that links it, and by those before', async () => {
      const contact = contactRow()
      await hear(B, T0 + 1_000)
      await hear(C, T0 + 2_000)
      await kit.store.recordIncoming([incomingRow({ ...A, receivedAt: T0 + 3_000 })])
      await processFirst(kit.store, incomingLane('A'), {
        at: T0 + 3_000,
        changes: [
          { kind: 'contact-created', contact },
          linked(contact.id, B),
          linked(contact.id, A),
          linked(contact.id, C),
        ],
      })
      expect(await kit.store.contacts.connectionsOf(contact.id)).to.deep.equal([A, C, B])
    })

    it('count a message whose phases failed as heard', async () => {
      const contact = contactRow()
      await change(kit.store, [{ kind: 'contact-created', contact }, linked(contact.id, A), linked(contact.id, B)])
      await hear(A, T0 + 1_000)
      await kit.store.recordIncoming([incomingRow({ ...B, receivedAt: T0 + 2_000 })])
      await processFirst(kit.store, incomingLane('B'), { at: T0 + 2_000, outcome: { kind: 'failed', error: 'x' } })
      expect((await kit.store.contacts.connectionsOf(contact.id))[0]).to.deep.equal(B)
    })
  })

  describe('groups', () => {
    it('are joined and left, once or often', async () => {
      const contacts = [contactRow(), contactRow()]
      const [ann, bob] = contacts
      if (ann === undefined || bob === undefined) throw new Error('two contacts were made')
      await change(
        kit.store,
        contacts.map((contact) => ({ kind: 'contact-created', contact })),
      )
      const join = (group: string, contactId: string) => ({ kind: 'group-joined', group, contactId }) as const
      await change(kit.store, [join('b', ann.id), join('a', ann.id), join('a', ann.id), join('a', bob.id)])
      expect(await kit.store.contacts.groupsOf(ann.id)).to.deep.equal(['a', 'b'])
      expect([...(await kit.store.contacts.membersOf('a'))].sort()).to.deep.equal([ann.id, bob.id].sort())
      const leave = { kind: 'group-left', group: 'a', contactId: ann.id } as const
      await change(kit.store, [leave, leave])
      expect(await kit.store.contacts.membersOf('a')).to.deep.equal([bob.id])
      expect(await kit.store.contacts.membersOf('none')).to.deep.equal([])
      expect(await kit.store.contacts.groupsOf('nobody')).to.deep.equal([])
    })
  })

  describe('documents', () => {
    const put = (value: unknown, version: number, key = 'k') =>
      change(kit.store, [{ kind: 'document-put', scope: 's', key, value, version }])

    it('count their versions and keep plain JSON', async () => {
      expect(await kit.store.documents.get('s', 'k')).to.equal(undefined)
      for (const [version, value] of [{ a: [1, { b: null }] }, 'text', 0, false, null, []].entries()) {
        await put(value, version)
        expect(await kit.store.documents.get('s', 'k')).to.deep.equal({ value, version: version + 1 })
      }
    })

    it('are told apart by scope and key', async () => {
      await put('a', 0, 'k1')
      await put('b', 0, 'k2')
      expect((await kit.store.documents.get('s', 'k1'))?.value).to.equal('a')
      expect((await kit.store.documents.get('s', 'k2'))?.value).to.equal('b')
      expect(await kit.store.documents.get('k1', 's')).to.equal(undefined)
    })

    it('are removed by undefined, also what is not there, and begin anew', async () => {
      await put('a', 0)
      await put(undefined, 1)
      expect(await kit.store.documents.get('s', 'k')).to.equal(undefined)
      await put(undefined, 0)
      await put('b', 0)
      expect(await kit.store.documents.get('s', 'k')).to.deep.equal({ value: 'b', version: 1 })
    })

    it('are not removed by somebody who has read another version', async () => {
      await put('a', 0)
      for (const version of [0, 2])
        expect(await rejection(put(undefined, version))).to.include({ code: 'DOCUMENT_CONFLICT' })
      expect((await kit.store.documents.get('s', 'k'))?.value).to.equal('a')
    })
  })

  describe('effects', () => {
    it('are kept by message and key, and the first result stays', async () => {
      const { effects } = kit.store
      expect(await effects.get('m', 'k')).to.equal(undefined)
      await effects.put('m', 'k', { paid: 5 }, T0)
      await effects.put('m', 'k', 'again', T0)
      await effects.put('m', 'nothing', undefined, T0)
      await effects.put('m2', 'k', null, T0)
      expect(await effects.get('m', 'k')).to.deep.equal({ result: { paid: 5 } })
      const nothing = await effects.get('m', 'nothing')
      expect(nothing).not.to.equal(undefined)
      expect(nothing?.result).to.equal(undefined)
      expect(await effects.get('m2', 'k')).to.deep.equal({ result: null })
    })
  })

  describe('a store', () => {
    it('answers a ping, and opens again without doing anything', async () => {
      await kit.store.ping()
      expect(await kit.store.open()).to.deep.equal([])
    })

    it('says so when it is closed, and closes twice', async () => {
      const { store } = kit
      await store.close()
      await store.close()
      for (const call of [
        () => store.ping(),
        () => store.recordIncoming([incomingRow()]),
        () => store.claimIncoming(incomingLane(), 1),
        () => store.countOpenIncoming(),
      ]) {
        expect(await rejection(call())).to.be.instanceOf(StoreUnavailableError)
      }
    })
  })
}
