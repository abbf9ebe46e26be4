import { MemoryQueue } from '../../src/queue/memory-queue.ts'
import { MemorySignals } from '../../src/queue/memory-signals.ts'
import { describeQueue } from './conformance.ts'
import { describeSignals } from './signals-conformance.ts'

describeQueue('the queue in memory', ({ clock, poolOf }) => {
  return new MemoryQueue({ clock, poolOf, signals: new MemorySignals(clock) })
})
describeSignals('signals in memory', (clock) => new MemorySignals(clock))
