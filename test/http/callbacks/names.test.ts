import { pbkdf2 } from 'node:crypto'
import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { HostsFile } from '../../../src/http/callbacks/hosts-file.ts'
import { OutsideNames } from '../../../src/http/callbacks/outside-names.ts'
import type { ResolvedAddress } from '../../../src/http/callbacks/shared-looks.ts'
import { TrustedNames } from '../../../src/http/callbacks/trusted-names.ts'
import { type Nameserver, type NameserverManner, startNameserver } from '../../support/nameserver.ts'
import { rejection } from '../../support/rejection.ts'
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts'
import { until } from '../../support/until.ts'

const v4 = (address: string): ResolvedAddress => ({ address, family: 4 })

describe('names that outsiders chose', function () {
  this.timeout(20_000)
  const nameservers: Nameserver[] = []
  let folder: TempFolder

  beforeEach(() => {
    folder = tempFolder()
  })
  afterEach(async () => {
    folder.remove()
    await Promise.all(nameservers.splice(0).map((each) => each.close()))
  })

  const begin = async (names: Readonly<Record<string, string>>, manner?: NameserverManner) => {
    const nameserver = await startNameserver(names, manner)
    nameservers.push(nameserver)
    const path = join(folder.path, 'hosts')
    return { nameserver, path, names: new OutsideNames({ servers: [nameserver.address], hosts: new HostsFile(path) }) }
  }

  it('hold no thread that files and passwords need, however long a nameserver says nothing', async () => {
    const { nameserver, names } = await begin({}, 'silent')
    const ended: unknown[] = []
    const asking = Array.from({ length: 40 }, (_, index) => rejection(names.addressesOf(`host${index}.example`)))
    for (const each of asking) void each.then((error) => ended.push(error))
    await until('all are asked for', () => new Set(nameserver.asked).size === 40)
    await Promise.all([readFile(import.meta.filename), promisify(pbkdf2)('a', 'b', 1, 32, 'sha256')])
    expect(ended).to.deep.equal([])
    const codes = (await Promise.all(asking)).map((error) => Reflect.get(Object(error), 'code'))
    expect(new Set(codes)).to.deep.equal(new Set(['ETIMEOUT']))
  })

  it('are told by a nameserver, equal ones that come together once', async () => {
    const { nameserver, names } = await begin({ 'a.example': '192.0.2.7' })
    const both = await Promise.all([names.addressesOf('a.example'), names.addressesOf('a.example')])
    expect(both).to.deep.equal([[v4('192.0.2.7')], [v4('192.0.2.7')]])
    expect(nameserver.asked).to.deep.equal(['a.example', 'a.example'])
    expect(await rejection(names.addressesOf('b.example'))).to.have.property('code', 'ENOTFOUND')
  })

  it('are known by the family that is told, when nothing is said of the other', async () => {
    const { names } = await begin({ 'a.example': '192.0.2.7' }, 'no-v6')
    expect(await names.addressesOf('a.example')).to.deep.equal([v4('192.0.2.7')])
  })

  it('are known by both families, though that of IPv4 is told long after the other', async () => {
    const { names } = await begin({ 'a.six': '192.0.2.7' }, 'late-v4')
    expect(await names.addressesOf('a.six')).to.deep.equal([v4('192.0.2.7'), { address: '2001:db8::7', family: 6 }])
  })

  it('are those of the hosts file, as it is now', async () => {
    const { nameserver, names, path } = await begin({ 'a.example': '192.0.2.7' })
    const lines = '# 10.0.0.1 a.example\n10.0.0.2\tother A.example # a.b\n::5 a.example\nfe80::1%lo0 a.example\n'
    await writeFile(path, lines)
    const found = [v4('10.0.0.2'), { address: '::5', family: 6 }]
    expect(await names.addressesOf('a.EXAMPLE')).to.deep.equal(found)
    expect(nameserver.asked).to.deep.equal([])
    await writeFile(path, '10.0.0.3 else\n')
    await utimes(path, 1, 1)
    expect(await names.addressesOf('a.example')).to.deep.equal([v4('192.0.2.7')])
  })

  it('are this machine for localhost, which nobody is asked for', async () => {
    const { nameserver, names } = await begin({ localhost: '192.0.2.7' })
    for (const host of ['localhost', 'a.localhost']) {
      expect(await names.addressesOf(host)).to.deep.equal([v4('127.0.0.1'), { address: '::1', family: 6 }])
    }
    expect(nameserver.asked).to.deep.equal([])
  })
})

describe('names that the settings trust', () => {
  it('are looked up two at a time, and equal ones once', async () => {
    const asked: string[] = []
    const answers: (() => void)[] = []
    const names = new TrustedNames((host) => {
      asked.push(host)
      return new Promise((resolve) => answers.push(() => resolve([v4('10.0.0.1')])))
    })
    const all = ['a', 'a', 'b', 'c', 'c', 'd'].map((host) => names.addressesOf(host))
    expect(asked).to.deep.equal(['a', 'b'])
    while (answers.length > 0) {
      answers.shift()?.()
      const before = asked.length
      await until('the next one is asked for', () => asked.length > before || asked.length === 4)
    }
    expect(await Promise.all(all)).to.have.length(6)
    expect(asked).to.deep.equal(['a', 'b', 'c', 'd'])
  })

  it('are given up when they do not get their turn', async function () {
    this.timeout(10_000)
    const names = new TrustedNames(() => new Promise(() => {}))
    for (const host of ['a', 'b']) void names.addressesOf(host)
    expect(await rejection(names.addressesOf('c'))).to.have.property('code', 'ETIMEOUT')
  })
})
