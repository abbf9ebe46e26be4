import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSwitchboard } from 'sms-switchboard'
import { echo, ping } from 'sms-switchboard/apps'
import { httptester } from 'sms-switchboard/backends'

const switchboard = createSwitchboard(
  { backends: { httptester: httptester() }, apps: [ping(), echo()] },
  { env: process.env },
)
const callback = switchboard.callback()

const server = createServer((req, res) => {
  callback(req, res, () => {
    // What is not Switchboard's is this program's own.
    const found = req.url === '/'
    res.writeHead(found ? 200 : 404, { 'content-type': 'text/plain' })
    res.end(found ? 'The shop is open.' : 'There is no such page.')
  })
})

await switchboard.start()
const { host, port } = switchboard.settings.http
server.listen(port, host, () => {
  console.log(`The shop serves on http://${host}:${(server.address() as AddressInfo).port}/`)
})

process.once('SIGTERM', async () => {
  server.close()
  server.closeIdleConnections()
  await switchboard.stop()
})
