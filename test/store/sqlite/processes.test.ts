import { mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { type Lane, laneKey } from '../../../src/messages/lane.ts'
import { StaleResultError, StoreLockedError, TakenOverError } from '../../../src/store/errors.ts'
import { SqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import { rejection } from '../../support/rejection.ts'
import { type SqliteFile, sqliteFile } from '../../support/sqlite-store.ts'
import {
  finished,
  head,
  incomingLane,
  incomingRow,
  NOW,
  outgoingLane,
  outgoingRow,
  sent,
  T0,
} from '../../support/store-rows.ts'
import { until } from '../../support/until.ts'

describe('SQLite stores beside each other', () => {
  let file: SqliteFile

  beforeEach(() => {
    file = sqliteFile()
  })

  afterEach(() => file.remove())

  it('refuses a second server on the same file, and lets it in once the first has ended', async () => {
    const first = await file.open()
    const error = await rejection(file.open())
    expect(error).to.be.instanceOf(StoreLockedError)
    expect(String(error)).to.include(file.file)
    await first.close()
    const second = await file.open()
    await second.ping()
  })

  for (const [what, linked, target] of [
    ['the file', 'link.db', 'switchboard.db'],
    ['a file that is not there yet', 'link.db', 'later.db'],
    ['its folder', 'link/switchboard.db', 'folder'],
  ] as const) {
    it(`refuses a second server through a link to ${what}`, async () => {
      const folder = dirname(file.file)
      if (target === 'folder') mkdirSync(join(folder, target))
      symlinkSync(join(folder, target), join(folder, linked.replace(/\/.*/, '')))
      const direct = target === 'folder' ? join(folder, target, 'switchboard.db') : join(folder, target)
      const [one, other] = [join(folder, linked), direct].map((path) => new SqliteStore({ file: path, role: 'server' }))
      await one?.open()
      try {
        expect(other === undefined ? undefined : await rejection(other.open())).to.be.instanceOf(StoreLockedError)
      } finally {
        await one?.close()
        await other?.close()
      }
    })
  }

  it('a server that was overtaken is told so when it asks for work, and leaves the other one its nudges', async () => {
    const store = await file.open()
    await store.recordIncoming([incomingRow()])
    store.watch(() => {})
    const outside = file.outside()
    outside.exec("UPDATE counters SET value = value + 1 WHERE name = 'epoch'")
    const command = await file.open('command')
    await command.nudge([incomingLane()])
    for (const ask of [() => store.claimIncoming(incomingLane(), 1), () => store.countOpenIncoming()]) {
      await until('it is told', () =>
        ask().then(
          () => false,
          (error: unknown) => error instanceof TakenOverError,
        ),
      )
    }
    expect(outside.prepare('SELECT COUNT(*) AS count FROM nudges').get()).to.deep.equal({ count: 1 })
  })

  it('lets commands in beside a server', async () => {
    await file.open()
    const command = await file.open('command')
    await command.ping()
  })

  it('a command may not work lanes, not even where no server ever was', async () => {
    const command = await file.open('command')
    await command.recordIncoming([incomingRow()])
    const { fence, message } = head(await command.claimIncoming(incomingLane(), 1))
    expect(await rejection(command.finishIncoming([finished(fence, message)]))).to.be.instanceOf(StaleResultError)
  })

  it('a server that was overtaken cannot commit results any more', async () => {
    const store = await file.open()
    await store.recordIncoming([incomingRow()])
    await store.recordOutgoing([outgoingRow()])
    const incoming = head(await store.claimIncoming(incomingLane(), 1))
    const outgoing = head(await store.claimOutgoing(outgoingLane(), 1, NOW))
    const outside = file.outside()
    outside.exec("UPDATE counters SET value = value + 1 WHERE name = 'epoch'")
    const { message } = outgoing
    for (const commit of [
      () => store.finishIncoming([finished(incoming.fence, incoming.message, { outgoing: [outgoingRow()] })]),
      () => store.startAttempts([{ fence: outgoing.fence, message, at: T0 }]),
      () => store.finishAttempts([sent(outgoing.fence, message)]),
    ]) {
      expect(await rejection(commit())).to.be.instanceOf(TakenOverError)
    }
    expect(await store.log.counts()).to.deep.equal({ incoming: 1, outgoing: 1, contacts: 0 })
    expect(await rejection(store.claimIncoming(incomingLane(), 1))).to.be.instanceOf(TakenOverError)
  })

  it('a server hears of what a command recorded and replayed, and works it', async () => {
    const server = await file.open()
    const failed = incomingRow({ identity: '3' })
    await server.recordIncoming([failed])
    const { fence, message } = head(await server.claimIncoming(incomingLane('3'), 1))
    await server.finishIncoming([finished(fence, message, { outcome: { kind: 'failed', error: 'x' } })])
    const heard: Lane[] = []
    server.watch((lanes) => heard.push(...lanes))
    const command = await file.open('command')
    await command.recordIncoming([incomingRow({ identity: '1' })])
    await command.recordOutgoing([outgoingRow({ identity: '2' })])
    await command.replay([failed.id], T0)
    await command.nudge([incomingLane('4')])
    const lanes = [incomingLane('1'), outgoingLane('2'), incomingLane('3'), incomingLane('4')]
    await until('the lanes are heard of', () => heard.length >= lanes.length)
    expect(heard.map(laneKey).sort()).to.deep.equal(lanes.map(laneKey).sort())
    for (const identity of ['1', '3']) {
      expect((await server.claimIncoming(incomingLane(identity), 5)).messages).to.have.length(1)
    }
    expect((await server.claimOutgoing(outgoingLane('2'), 5, NOW)).messages).to.have.length(1)
  })

  it('a server hears of what a command recorded before it began to listen', async () => {
    const server = await file.open()
    const command = await file.open('command')
    await command.recordIncoming([incomingRow()])
    const heard: Lane[] = []
    server.watch((lanes) => heard.push(...lanes))
    await until('the lane is heard of', () => heard.length > 0)
    expect((await server.claimIncoming(incomingLane(), 5)).messages).to.have.length(1)
  })

  it('keeps one order: a message of the server never gets before one that a command recorded first', async () => {
    const server = await file.open()
    const command = await file.open('command')
    const texts: string[] = []
    for (let turn = 0; turn < 10; turn++) {
      for (const [name, store] of Object.entries({ command, server })) {
        const text = `${turn} ${name}`
        texts.push(text)
        await store.recordIncoming([incomingRow({ text })])
        await store.recordOutgoing([outgoingRow({ text })])
      }
    }
    const incoming = (await server.claimIncoming(incomingLane(), 100)).messages
    const outgoing = (await server.claimOutgoing(outgoingLane(), 100, NOW)).messages
    expect(incoming.map(({ text }) => text)).to.deep.equal(texts)
    expect(outgoing.map(({ text }) => text)).to.deep.equal(texts)
    const numbers = [...incoming, ...outgoing].map(({ seq }) => seq)
    expect(new Set(numbers).size).to.equal(numbers.length)
  })

  it('knows its backlog after it was opened again, and takes new messages behind it', async () => {
    const first = await file.open()
    await first.recordIncoming(['1', '2'].map((text) => incomingRow({ text })))
    await first.recordOutgoing(['1', '2'].map((text) => outgoingRow({ text })))
    await first.close()
    const second = await file.open()
    await second.recordIncoming([incomingRow({ text: '3' })])
    await second.recordOutgoing([outgoingRow({ text: '3' })])
    const claims = [await second.claimIncoming(incomingLane(), 9), await second.claimOutgoing(outgoingLane(), 9, NOW)]
    for (const { messages } of claims) expect(messages.map(({ text }) => text)).to.deep.equal(['1', '2', '3'])
  })
})
