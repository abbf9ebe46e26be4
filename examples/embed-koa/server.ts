import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { createSwitchboard } from 'sms-switchboard'
import { echo, ping } from 'sms-switchboard/apps'
import { httpBackend } from 'sms-switchboard/backends'
import { koaMiddleware } from 'sms-switchboard/http'

const switchboard = createSwitchboard(
  { backends: { gateway: httpBackend({ params: { identity: 'phone', text: 'message' } }) }, apps: [ping(), echo()] },
  { env: process.env },
)

const app = new Koa()
app.use(async (ctx, next) => {
  await next()
  console.log(`${ctx.method} ${ctx.path} ${ctx.status}`)
})
// The views of this one backend, under a prefix of ours; before any body parser.
app.use(koaMiddleware(switchboard.views('gateway', { prefix: '/24fb0d6963f/sms/' })))
app.use((ctx) => {
  if (ctx.path === '/') ctx.body = 'The shop is open.'
})

await switchboard.start()
const { host, port } = switchboard.settings.http
const server = app.listen(port, host, () => {
  console.log(`The shop serves on http://${host}:${(server.address() as AddressInfo).port}/`)
})

process.once('SIGTERM', async () => {
  server.close()
  server.closeIdleConnections()
  await switchboard.stop()
})
