import { setImmediate as turnOver } from 'node:timers/promises'
import { expect } from 'chai'
import { CallbackSlots, type Slot } from '../../src/router/callback-slots.ts'

describe('the slots of callbacks', () => {
  /** Asks for each in turn, named by owner and URL, as `a1`; tells who has got one. */
  const taking = (count: number) => {
    const slots = new CallbackSlots(count)
    const got: string[] = []
    const held = new Map<string, Slot[]>()
    return {
      async ask(...names: readonly string[]) {
        for (const name of names) {
          void slots.take({ user: name.charAt(0), target: name }).then((slot) => {
            got.push(name)
            held.set(name, [...(held.get(name) ?? []), slot])
          })
        }
        await turnOver()
        return got.splice(0)
      },
      async release(name: string) {
        held.get(name)?.shift()?.release()
        await turnOver()
        return got.splice(0)
      },
    }
  }
  const many = (name: string, count: number) => Array.from({ length: count }, () => name)

  it('leave one to whoever comes next, however many one owner asks for', async () => {
    const { ask } = taking(8)
    expect(await ask(...many('a1', 20))).to.deep.equal(many('a1', 4))
    expect(await ask(...many('b1', 20))).to.deep.equal(many('b1', 2))
    expect(await ask(...many('c1', 20))).to.deep.equal(['c1'])
    expect(await ask(...many('d1', 20))).to.deep.equal(['d1'])
    expect(await ask('e1')).to.deep.equal([])
  })

  it('go to the owner with the fewest, then to the URL with the fewest, then to who came first', async () => {
    const { ask, release } = taking(8)
    expect(await ask('a1', 'a1', 'a1', 'a1', 'a1', 'a2', 'a3')).to.deep.equal(many('a1', 4))
    expect(await release('a1')).to.deep.equal(['a2'])
    expect(await release('a1')).to.deep.equal(['a3'])
    expect(await ask('b1', 'b1', 'b1', 'c1', 'd1')).to.deep.equal(['b1', 'b1', 'c1', 'd1'])
    expect(await ask('e1', 'f1')).to.deep.equal([])
    expect(await release('a1')).to.deep.equal(['e1'])
    expect(await release('a1')).to.deep.equal(['f1'])
    expect(await release('c1'), 'kept for who has none').to.deep.equal([])
    expect(await ask('g1')).to.deep.equal(['g1'])
  })

  it('are one alone where there is one alone', async () => {
    const { ask, release } = taking(1)
    expect(await ask('a1', 'a1', 'b1')).to.deep.equal(['a1'])
    expect(await release('a1')).to.deep.equal(['a1'])
    expect(await release('a1')).to.deep.equal(['b1'])
  })

  it('are given back once', async () => {
    const slots = new CallbackSlots(1)
    const slot = await slots.take({ user: null, target: 't' })
    slot.release()
    slot.release()
    await slots.take({ user: null, target: 't' })
    const second: Promise<unknown> = slots.take({ user: null, target: 't' })
    expect(await Promise.race([second, turnOver('nothing')])).to.equal('nothing')
  })
})
