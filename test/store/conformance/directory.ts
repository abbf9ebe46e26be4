import { expect } from 'chai'
import type { Connection } from '../../../src/messages/incoming.ts'
import type { ContactEdit, ImportLine, ImportRequest } from '../../../src/store/directory-store.ts'
import { rejection } from '../../support/rejection.ts'
import { change, contactRow, incomingLane, incomingRow, newId, processFirst, T0 } from '../../support/store-rows.ts'
import type { StoreKit } from '../conformance.ts'

const A = { backend: 'gateway', identity: 'A' }
const B = { backend: 'gateway', identity: 'B' }
const C = { backend: 'other', identity: 'C' }

/** People and groups as programs and pages change them, and imports. */
export function describeDirectory(kit: StoreKit): void {
  const edit = (given: ContactEdit, at = T0) => kit.store.directory.edit(given, at)
  const made = async (
    name: string,
    connections: readonly Connection[] = [],
    values: Parameters<typeof contactRow>[0] & { readonly groups?: readonly string[] } = {},
  ) => {
    const { groups = [], ...rest } = values
    const contact = contactRow({ name, ...rest })
    expect(await edit({ kind: 'create', contact, connections, groups })).to.deep.equal({ changed: 1 })
    return contact
  }

  describe('a directory', () => {
    it('makes people with their connections and groups, as apps see them', async () => {
      const ann = await made('Ann', [A, C], { groups: ['b', 'a'] })
      expect(await kit.store.directory.find(ann.id)).to.deep.equal({ ...ann, connections: [A, C], groups: ['a', 'b'] })
      expect((await kit.store.directory.ofConnection(C))?.id).to.equal(ann.id)
      expect(await kit.store.contacts.ofConnection(A)).to.deep.equal(ann)
      expect(await kit.store.directory.find('nobody')).to.equal(undefined)
      expect(await kit.store.directory.ofConnection(B)).to.equal(undefined)
    })

    it('makes nobody whose connection is somebody else’s', async () => {
      const ann = await made('Ann', [A])
      const bob = contactRow({ name: 'Bob' })
      const outcome = await edit({ kind: 'create', contact: bob, connections: [B, A], groups: ['g'] })
      expect(outcome).to.deep.equal({ refused: { why: 'taken', connection: A, by: ann.id } })
      expect(await kit.store.directory.find(bob.id)).to.equal(undefined)
      expect(await kit.store.contacts.ofConnection(B)).to.equal(undefined)
    })

    it('changes what is given and leaves the rest; a first opt-out keeps its time', async () => {
      const ann = await made('Ann', [], { language: 'en' })
      await edit({ kind: 'change', id: ann.id, values: { optedOut: true } }, T0 + 5)
      await edit({ kind: 'change', id: ann.id, values: { name: 'Anna', optedOut: true } }, T0 + 9)
      expect(await kit.store.contacts.find(ann.id)).to.deep.equal({ ...ann, name: 'Anna', optedOutAt: T0 + 5 })
      await edit({
        kind: 'change',
        id: ann.id,
        values: { language: null, timeZone: 'Africa/Nairobi', optedOut: false },
      })
      expect(await kit.store.contacts.find(ann.id)).to.deep.equal({
        ...ann,
        name: 'Anna',
        language: null,
        timeZone: 'Africa/Nairobi',
      })
      expect(await edit({ kind: 'change', id: 'nobody', values: { name: 'x' } })).to.deep.equal({
        refused: { why: 'no-contact', id: 'nobody' },
      })
    })

    it('links, moves when told to, and unlinks', async () => {
      const [ann, bob] = [await made('Ann', [A]), await made('Bob', [B])]
      const link = (id: string, connection: Connection, move = false) =>
        edit({ kind: 'link', id, connection, move, forgetOptOut: false })
      expect(await link(ann.id, C)).to.deep.equal({ changed: 1 })
      expect(await link(ann.id, C)).to.deep.equal({ changed: 0 })
      expect(await link(ann.id, B)).to.deep.equal({ refused: { why: 'taken', connection: B, by: bob.id } })
      expect(await link(ann.id, B, true)).to.deep.equal({ changed: 1 })
      expect((await kit.store.contacts.ofConnection(B))?.id).to.equal(ann.id)
      expect(await link('nobody', B, true)).to.deep.equal({ refused: { why: 'no-contact', id: 'nobody' } })
      const unlink = (id: string) => edit({ kind: 'unlink', id, connection: B, forgetOptOut: false })
      expect(await unlink(bob.id)).to.deep.equal({ refused: { why: 'not-linked' } })
      expect(await unlink(ann.id)).to.deep.equal({ changed: 1 })
      expect(await kit.store.contacts.ofConnection(B)).to.equal(undefined)
      expect(await kit.store.contacts.connectionsOf(ann.id)).to.have.deep.members([A, C])
    })

    it('deletes a person with the memberships; messages find nobody then', async () => {
      const ann = await made('Ann', [A], { groups: ['g'] })
      expect(await edit({ kind: 'delete', id: ann.id, forgetOptOut: false })).to.deep.equal({ changed: 1 })
      expect(await kit.store.contacts.find(ann.id)).to.equal(undefined)
      expect(await kit.store.contacts.membersOf('g')).to.deep.equal([])
      await kit.store.recordIncoming([incomingRow(A)])
      expect((await kit.store.claimIncoming(incomingLane('A'), 1)).messages[0]?.contact).to.equal(null)
      expect(await edit({ kind: 'delete', id: ann.id, forgetOptOut: false })).to.deep.equal({
        refused: { why: 'no-contact', id: ann.id },
      })
    })

    it('does not lose an opt-out unless told to', async () => {
      const ann = await made('Ann', [A], { optedOutAt: T0 })
      const bob = await made('Bob')
      const refused = { refused: { why: 'opted-out', id: ann.id } }
      const edits = (forgetOptOut: boolean): ContactEdit[] => [
        { kind: 'link', id: bob.id, connection: A, move: true, forgetOptOut },
        { kind: 'unlink', id: ann.id, connection: A, forgetOptOut },
        { kind: 'delete', id: ann.id, forgetOptOut },
      ]
      for (const each of edits(false)) expect(await edit(each), each.kind).to.deep.equal(refused)
      const [, unlink, remove] = edits(true)
      for (const each of [unlink, remove]) if (each) expect(await edit(each)).to.deep.equal({ changed: 1 })
    })

    it('adds to groups, of whom all are there or nobody, and takes out', async () => {
      const [ann, bob] = [await made('Ann'), await made('Bob')]
      const members = (kind: 'join' | 'leave', ids: readonly string[]) => edit({ kind, group: 'g', ids })
      expect(await members('join', [ann.id, 'nobody'])).to.deep.equal({ refused: { why: 'no-contact', id: 'nobody' } })
      expect(await kit.store.contacts.membersOf('g')).to.deep.equal([])
      expect(await members('join', [ann.id])).to.deep.equal({ changed: 1 })
      expect(await members('join', [ann.id, bob.id])).to.deep.equal({ changed: 1 })
      expect(await members('leave', [ann.id])).to.deep.equal({ changed: 1 })
      expect(await kit.store.contacts.membersOf('g')).to.deep.equal([bob.id])
    })

    it('makes a new group once, also by several at the same time', async () => {
      const people = await Promise.all(['Ann', 'Bob', 'Cy', 'Di'].map((name) => made(name)))
      const join = (id: string) => edit({ kind: 'join', group: 'g', ids: [id], isNew: true })
      const outcomes = await Promise.all(people.map(({ id }) => join(id)))
      expect(outcomes.filter((outcome) => 'changed' in outcome)).to.deep.equal([{ changed: 1 }])
      expect(outcomes.filter((outcome) => 'refused' in outcome)).to.have.length(3)
      expect(await join('nobody')).to.deep.equal({ refused: { why: 'group-taken' } })
      expect(await kit.store.contacts.membersOf('g')).to.have.length(1)
    })

    it('lists groups with counts, page by page, renames, merges when told to, deletes', async () => {
      const ann = await made('Ann', [], { groups: ['a', 'b', 'c'] })
      await made('Bob', [], { groups: ['b'] })
      const groups = (after?: string) =>
        kit.store.directory.groups({ limit: 2, ...(after === undefined ? {} : { after }) })
      expect(await groups()).to.deep.equal([
        { name: 'a', members: 1 },
        { name: 'b', members: 2 },
      ])
      expect(await groups('b')).to.deep.equal([{ name: 'c', members: 1 }])
      const rename = (group: string, to: string, merge = false) => edit({ kind: 'rename-group', group, to, merge })
      expect(await rename('none', 'x')).to.deep.equal({ refused: { why: 'no-group' } })
      expect(await rename('a', 'b')).to.deep.equal({ refused: { why: 'group-taken' } })
      expect(await rename('b', 'b')).to.deep.equal({ changed: 0 })
      expect(await rename('b', 'd')).to.deep.equal({ changed: 2 })
      expect(await rename('a', 'd', true)).to.deep.equal({ changed: 1 })
      expect(await kit.store.contacts.groupsOf(ann.id)).to.deep.equal(['c', 'd'])
      expect(await edit({ kind: 'delete-group', group: 'd' })).to.deep.equal({ changed: 2 })
      expect(await edit({ kind: 'delete-group', group: 'd' })).to.deep.equal({ refused: { why: 'no-group' } })
    })

    it('lists people by filters, page by page', async () => {
      const jose = await made('José Pérez', [A], { language: 'pt-BR', groups: ['g'] })
      const ann = await made('ann', [B, C], { language: 'sw', optedOutAt: T0, groups: ['g', 'h'] })
      const bob = await made('100% Bob_', [], { language: 'sw' })
      const list = async (filter: object) =>
        (await kit.store.directory.list({ limit: 10, ...filter })).map(({ name }) => name)
      expect(await list({})).to.deep.equal([jose.name, ann.name, bob.name])
      expect(await list({ limit: 2 })).to.deep.equal([jose.name, ann.name])
      expect(await list({ after: ann.id })).to.deep.equal([bob.name])
      expect(await list({ group: 'g' })).to.deep.equal([jose.name, ann.name])
      expect(await list({ group: 'g', after: jose.id })).to.deep.equal([ann.name])
      expect(await list({ group: 'none' })).to.deep.equal([])
      expect(await list({ language: 'PT-br' })).to.deep.equal([jose.name])
      expect(await list({ optedOut: true })).to.deep.equal([ann.name])
      expect(await list({ optedOut: false, language: 'sw' })).to.deep.equal([bob.name])
      expect(await list({ text: 'JOSE PER' })).to.deep.equal([jose.name])
      expect(await list({ text: '0%' })).to.deep.equal([bob.name])
      expect(await list({ text: '_' })).to.deep.equal([bob.name])
      expect(await list({ identity: 'C' })).to.deep.equal([ann.name])
      expect(await list({ text: 'bob', identity: 'A' })).to.deep.equal([jose.name, bob.name])
      await change(kit.store, [{ kind: 'contact-changed', id: bob.id, values: { name: 'Zoë' } }])
      expect(await list({ text: 'zoe' })).to.deep.equal(['Zoë'])
    })
  })

  describe('an app that works beside the directory', () => {
    it('finds out that somebody has made the contact meanwhile', async () => {
      await kit.store.recordIncoming([incomingRow(A)])
      const own = contactRow()
      const changes = [
        { kind: 'contact-created', contact: own },
        { kind: 'connection-linked', connection: A, contactId: own.id, from: null },
      ] as const
      const ann = await made('Ann', [A])
      const failed = await rejection(processFirst(kit.store, incomingLane('A'), { changes }))
      expect(failed).to.include({ code: 'DOCUMENT_CONFLICT' })
      expect(await kit.store.contacts.find(own.id)).to.equal(undefined)
      expect((await kit.store.contacts.ofConnection(A))?.id).to.equal(ann.id)
    })

    it('finds out that the contact it changes was deleted', async () => {
      const ann = await made('Ann', [A])
      await kit.store.recordIncoming([incomingRow(A)])
      await edit({ kind: 'delete', id: ann.id, forgetOptOut: false })
      const values = { optedOutAt: T0 }
      const failed = await rejection(
        processFirst(kit.store, incomingLane('A'), {
          changes: [{ kind: 'contact-changed', id: ann.id, values, required: true }],
        }),
      )
      expect(failed).to.include({ code: 'DOCUMENT_CONFLICT' })
    })

    it('joins nobody who was deleted, and goes on', async () => {
      await change(kit.store, [{ kind: 'group-joined', group: 'g', contactId: 'deleted' }])
      expect(await kit.store.contacts.membersOf('g')).to.deep.equal([])
    })
  })

  describe('an import', () => {
    const row = (line: number, values: Partial<ImportLine> = {}): ImportLine => ({
      line,
      id: newId(),
      name: null,
      language: null,
      timeZone: null,
      optedOut: null,
      connections: [A],
      groups: [],
      ...values,
    })
    const apply = async (lines: readonly ImportLine[], values: Partial<ImportRequest> = {}) => {
      const importId = newId()
      await kit.store.directory.stageImport(importId, lines, T0)
      const request = { importId, lines: lines.length, at: T0 + 7, skipConflicts: false, dryRun: false, ...values }
      return kit.store.directory.applyImport(request)
    }

    it('makes who is new, named by the number where the line has no name', async () => {
      const result = await apply([
        row(2, { name: 'Ann', language: 'sw', connections: [A, C], groups: ['g'], optedOut: true }),
        row(3, { connections: [B], timeZone: 'Africa/Nairobi' }),
      ])
      expect(result).to.deep.equal({ created: 2, updated: 0, conflicts: [], conflictCount: 0, applied: true })
      const [ann, bob] = await kit.store.directory.list({ limit: 5 })
      expect(ann).to.deep.include({ name: 'Ann', language: 'sw', optedOutAt: T0 + 7, createdAt: T0 + 7, groups: ['g'] })
      expect(ann?.connections).to.have.deep.members([A, C])
      expect(bob).to.deep.include({ name: 'B', timeZone: 'Africa/Nairobi', optedOutAt: null, connections: [B] })
    })

    it('updates who owns one of the connections, and leaves what a line does not say', async () => {
      const ann = await made('Ann', [A], { language: 'en', optedOutAt: T0, groups: ['old'] })
      const result = await apply([row(2, { language: 'sw', connections: [B, A], groups: ['new'], optedOut: true })])
      expect(result).to.include({ created: 0, updated: 1 })
      const now = await kit.store.directory.find(ann.id)
      expect(now).to.deep.include({ name: 'Ann', language: 'sw', optedOutAt: T0, groups: ['new', 'old'] })
      expect(now?.connections).to.have.deep.members([A, B])
      await apply([row(2, { optedOut: false })])
      expect(await kit.store.contacts.find(ann.id)).to.include({ optedOutAt: null })
    })

    it('takes a number that comes again in the file as the same person', async () => {
      const lines = [
        row(2, { name: 'Ann', connections: [A, B] }),
        row(3, { name: 'Anna', connections: [B, C], groups: ['g'] }),
        ...Array.from({ length: 600 }, (_, index) =>
          row(4 + index, { connections: [{ backend: 'many', identity: String(index) }] }),
        ),
        row(700, { language: 'fr', connections: [C] }),
      ]
      expect(await apply(lines)).to.include({ created: 601, updated: 2, applied: true })
      const ann = await kit.store.directory.ofConnection(A)
      expect(ann).to.deep.include({ name: 'Anna', language: 'fr', groups: ['g'] })
      expect(ann?.connections).to.have.deep.members([A, B, C])
    })

    it('knows a connection that has written before, and when it was last heard from', async () => {
      await kit.store.recordIncoming([incomingRow({ ...B, receivedAt: T0 + 3 })])
      await processFirst(kit.store, incomingLane('B'), { at: T0 + 3 })
      await apply([row(2, { connections: [A, B] })])
      expect((await kit.store.directory.ofConnection(A))?.connections).to.deep.equal([B, A])
    })

    it('does nothing where a line’s connections belong to two, or all but that line when told to', async () => {
      const [ann, bob] = [await made('Ann', [A]), await made('Bob', [B])]
      const lines = () => [row(2, { name: 'New', connections: [C] }), row(3, { name: 'Both', connections: [A, B] })]
      const conflicts = [{ line: 3, contacts: [ann.id, bob.id].sort() }]
      expect(await apply(lines())).to.deep.equal({
        created: 1,
        updated: 0,
        conflicts,
        conflictCount: 1,
        applied: false,
      })
      expect(await kit.store.contacts.ofConnection(C)).to.equal(undefined)
      const skipped = await apply(lines(), { skipConflicts: true })
      expect(skipped).to.deep.equal({ created: 1, updated: 0, conflicts, conflictCount: 1, applied: true })
      expect(await kit.store.contacts.ofConnection(C)).to.include({ name: 'New' })
      expect(await kit.store.contacts.ofConnection(A)).to.include({ name: 'Ann' })
    })

    it('is tried without a trace', async () => {
      expect(await apply([row(2)], { dryRun: true })).to.include({ created: 1, applied: false })
      expect(await kit.store.contacts.ofConnection(A)).to.equal(undefined)
      expect(await kit.store.directory.list({ limit: 1 })).to.deep.equal([])
    })

    it('does nothing when some of what was staged is gone', async () => {
      const importId = newId()
      await kit.store.directory.stageImport(importId, [row(2)], T0)
      await kit.store.directory.dropImport('another', T0)
      await kit.store.directory.dropImport('another', T0 + 1)
      const request = { importId, lines: 1, at: T0, skipConflicts: false, dryRun: false }
      expect(await rejection(kit.store.directory.applyImport(request))).to.include({ code: 'STORE_UNAVAILABLE' })
      expect(await kit.store.contacts.ofConnection(A)).to.equal(undefined)
    })

    it('is purged when its process has died', async () => {
      await kit.store.directory.stageImport('dead', [row(2)], T0)
      const { others } = await kit.store.purge({ before: 0, now: T0 + 2 * 3600_000, limit: 10 })
      expect(others).to.equal(1)
    })
  })
}
