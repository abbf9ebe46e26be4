import Koa from 'koa'
import { koaBody } from 'koa-body'
import { z } from 'zod'

const form = z.object({ identity: z.string().trim().min(1).max(255), text: z.string().trim().min(1) })

/** The usual way: Koa reads the body by koa-body, zod checks it, the answer is OK. Nothing is kept. */
const app = new Koa()
app.use(koaBody())
app.use((ctx) => {
  const message = form.safeParse(ctx.request.body)
  ctx.status = message.success ? 200 : 400
  ctx.body = 'OK'
})
app.listen(Number(process.env['PORT']), '127.0.0.1')
