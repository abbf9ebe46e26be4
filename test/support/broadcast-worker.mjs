import { httpBackend } from '../../dist/backends/index.js'
import { createSwitchboard } from '../../dist/index.js'

/**
 * A switchboard that sends to a service that takes everything, on the database and the Redis of the environment. With a
 * number it begins a broadcast to so many people, whose values weigh so many bytes, and prints `taken`.
 */
const [count = '0', bytes = '0', text = 'Hi {{ name }}'] = process.argv.slice(2)

const gateway = httpBackend({
  send: async ({ id }) => {
    await new Promise((resolve) => setImmediate(resolve))
    return { externalIds: [id] }
  },
  sending: { concurrency: 20 },
})
const switchboard = createSwitchboard(
  { backends: { gateway }, apps: [], console: { enabled: false }, log: { level: 'silent' } },
  { env: process.env },
)

async function* people() {
  const padding = Number(bytes)
  for (let number = 0; number < Number(count); number++) {
    const to = `+2547${String(number).padStart(8, '0')}`
    yield { to, params: { name: `P${number}`, padding: `${number} `.repeat(padding / 7).slice(0, padding) } }
  }
}

await switchboard.start()
process.stdout.write('started\n')
if (count !== '0') {
  const { id } = await switchboard.router.broadcast(people(), { text })
  process.stdout.write(`taken ${id}\n`)
}
