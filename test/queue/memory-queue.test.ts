import { expect } from 'chai'
import type { MessageClass } from '../../src/messages/lane.ts'
import { MemoryQueue } from '../../src/queue/memory-queue.ts'
import { MemorySignals } from '../../src/queue/memory-signals.ts'
import type { Rate } from '../../src/queue/queue.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { outgoing } from './conformance.ts'

/** Signals that are away for a while, as those of another process may be. */
class AwaySignals extends MemorySignals {
  away = true

  override async takeToken(bucket: string, rate: Rate): Promise<number> {
    if (this.away) throw new Error('away')
    return super.takeToken(bucket, rate)
  }
}

describe('MemoryQueue', () => {
  it('goes on handing out at a rate once the signals are back', async () => {
    const clock = new FakeClock()
    const signals = new AwaySignals(clock)
    const pool = { name: 'pool', concurrency: 4, rate: { perSecond: 10 } }
    const queue = new MemoryQueue({ clock, signals, poolOf: () => pool })
    const started: string[] = []
    queue.work(async (lane) => {
      started.push(lane.identity)
      return { next: 'idle' }
    })
    await queue.ring(outgoing('1'))
    await settle()
    expect(started).to.deep.equal([])
    signals.away = false
    await clock.advance(5_000)
    expect(started).to.deep.equal(['1'])
    await queue.stop(0)
  })

  it('works a lane of a class that nobody knows as a normal one', async () => {
    const clock = new FakeClock()
    const pool = { name: 'pool', concurrency: 1 }
    const queue = new MemoryQueue({ clock, signals: new MemorySignals(clock), poolOf: () => pool })
    const started: string[] = []
    for (const name of ['bulk', 'constructor', 'reply']) await queue.ring(outgoing(name, name as MessageClass))
    queue.work(async (lane) => {
      started.push(lane.identity)
      return { next: 'idle' }
    })
    await settle()
    expect(started).to.deep.equal(['reply', 'constructor', 'bulk'])
    await queue.stop(0)
  })
})
