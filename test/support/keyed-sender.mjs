import { nullBackend } from '../../dist/backends/index.js'
import { createSwitchboard } from '../../dist/index.js'

/**
 * A process that sends with the keys `k0`, `k1`, … and prints each with the id that it was given. Arguments: the
 * database's URL, how many keys, how many times each is asked for at once.
 */
const [databaseUrl = '', keys = '1', times = '1'] = process.argv.slice(2)
const { router, parts } = createSwitchboard(
  { databaseUrl, backends: { nowhere: nullBackend() }, apps: [], log: { level: 'silent' } },
  { role: 'command' },
)
await parts.store.open()
await router.open()
process.stdout.write('open\n')
for (let key = 0; key < Number(keys); key++) {
  const request = { to: [`${key}`, 'everybody'], text: `text ${key}`, idempotencyKey: `k${key}` }
  const sent = await Promise.all(Array.from({ length: Number(times) }, () => router.submit(request)))
  for (const { messages, isRepeat } of sent)
    process.stdout.write(`k${key} ${messages.map(({ id }) => id).join()} ${isRepeat ? 'again' : 'first'}\n`)
}
await router.stop(0)
await parts.http.close()
await parts.store.close()
