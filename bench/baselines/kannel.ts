import { createServer } from 'node:http'

/** The least that Kannel can be answered with: the text of the message, in the body. Nothing is kept. */
createServer((request, response) => {
  const text = new URL(request.url ?? '/', 'http://localhost').searchParams.get('text') ?? ''
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(text)
}).listen(Number(process.env['PORT']), '127.0.0.1')
