import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSwitchboard } from 'sms-switchboard'
import { logBackend } from 'sms-switchboard/backends'

const switchboard = createSwitchboard(
  {
    // vonage({ … }), twilio({ … }) or any other backend that sends belongs here.
    backends: { log: logBackend() },
    apps: [],
    console: { enabled: false },
    databaseUrl: 'sqlite:data/download-link.db',
    proxy: {
      handlers: {
        message: {
          text: {
            en: 'Get our app: https://example.org/app',
            de: 'Hier ist unsere App: https://example.org/app',
          },
          from: 'Example',
        },
      },
      country: { default: 'DE' },
      honeypot: 'website',
    },
  },
  { env: process.env },
)

const files: Readonly<Record<string, { readonly type: string; readonly content: Buffer }>> = {
  '/': { type: 'text/html; charset=utf-8', content: file('page.html') },
  '/page.js': { type: 'text/javascript; charset=utf-8', content: file('page.js') },
}

function file(name: string): Buffer {
  return readFileSync(new URL(name, import.meta.url))
}

const callback = switchboard.callback()
const server = createServer((request, response) => {
  callback(request, response, () => {
    const found = files[request.url ?? '']
    if (found === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'Content-Type': found.type }).end(found.content)
  })
})

await switchboard.start()
const { host, port } = switchboard.settings.http
server.listen(port, host, () => {
  console.log(`The page serves on http://${host}:${(server.address() as AddressInfo).port}/`)
})

process.once('SIGTERM', async () => {
  server.close()
  server.closeAllConnections()
  await switchboard.stop()
})
