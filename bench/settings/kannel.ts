import { defineApp, defineSettings } from 'sms-switchboard'
import { kannel } from 'sms-switchboard/backends'

const gateway = {
  sendsmsUrl: process.env['BENCH_SENDSMS_URL'] ?? 'http://127.0.0.1:13013/cgi-bin/sendsms',
  username: 'bench',
  password: 'bench-pass',
  sending: { concurrency: 64 },
}

/** Each message is answered with itself: in the answer to Kannel's request, or by a request to Kannel. */
export default defineSettings({
  backends: { body: kannel({ ...gateway, reply: 'body' }), sendsms: kannel(gateway) },
  apps: [defineApp({ name: 'echo', handle: (message) => message.respond(message.text) })],
})
