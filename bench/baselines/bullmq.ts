import { createServer } from 'node:http'
import { Worker } from 'bullmq'

/** A worker of BullMQ whose jobs do nothing; it serves only to say that it is there. */
const [, , queue = '', concurrency = '1'] = process.argv
const { hostname, port } = new URL(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
const worker = new Worker(queue, async () => {}, {
  connection: { host: hostname, port: Number(port), maxRetriesPerRequest: null },
  concurrency: Number(concurrency),
})
await worker.waitUntilReady()
createServer((_, response) => response.end()).listen(Number(process.env['PORT']), '127.0.0.1')
