import { createServer } from 'node:http'

/** The least that Node.js can do: reads an urlencoded message and answers OK. Nothing is checked, nothing is kept. */
createServer((request, response) => {
  const pieces: Buffer[] = []
  request.on('data', (piece: Buffer) => pieces.push(piece))
  request.on('end', () => {
    const values = new URLSearchParams(Buffer.concat(pieces).toString('utf8'))
    const isMessage = values.has('identity') && values.has('text')
    response.writeHead(isMessage ? 200 : 400, { 'content-type': 'text/plain; charset=utf-8', 'content-length': 2 })
    response.end('OK')
  })
}).listen(Number(process.env['PORT']), '127.0.0.1')
