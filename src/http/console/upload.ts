import type { IncomingMessage } from 'node:http'
import { Writable } from 'node:stream'
import type Koa from 'koa'
import type { KoaBodyMiddlewareOptions } from 'koa-body'
import { textField } from '../../backends/form.ts'

/** Bytes. */
export const LARGEST_FILE = 1_048_576
export const MOST_LINES = 1_000

const LONGEST_FORM = 65_536

/** A body that cannot be taken, with the status to answer. */
export class RefusedRequest extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const noNext = async () => {}

/** The package is loaded with the first form: loading it takes a fifth of a server's start. */
async function readBody(ctx: Koa.Context, options: Partial<KoaBodyMiddlewareOptions>): Promise<void> {
  const { HttpMethodEnum, koaBody } = await import('koa-body')
  await koaBody({ ...options, parsedMethods: [HttpMethodEnum.POST], patchNode: false })(ctx, noNext)
}

/**
 * Reads a small form, urlencoded or JSON.
 * @throws RefusedRequest
 */
export async function readForm(ctx: Koa.Context): Promise<unknown> {
  const options = {
    text: false,
    jsonTypes: ['application/json'],
    formLimit: LONGEST_FORM,
    jsonLimit: LONGEST_FORM,
  }
  await refusing(() => readBody(ctx, options), `A message of at most ${LONGEST_FORM / 1024} KiB is taken.`)
  return bodyOf(ctx)
}

/**
 * Reads a form with one file, without writing it anywhere.
 * @throws RefusedRequest
 */
export async function readUpload(ctx: Koa.Context): Promise<{ readonly fields: unknown; readonly file: Buffer }> {
  if (ctx.is('multipart/form-data') === false) throw new RefusedRequest(415, 'A file in a form is expected.')
  const chunks: Buffer[] = []
  const options = {
    multipart: true,
    formidable: {
      fileWriteStreamHandler: () => collecting(chunks),
      maxFiles: 1,
      maxFileSize: LARGEST_FILE,
      allowEmptyFiles: true,
      minFileSize: 0,
      maxFields: 10,
      maxFieldsSize: 16_384,
    },
  }
  await refusing(() => readBody(ctx, options), `One file of at most ${LARGEST_FILE / 1_048_576} MiB is taken.`)
  return { fields: bodyOf(ctx), file: Buffer.concat(chunks) }
}

/**
 * The messages of a file, one per line. Blank lines are left out.
 * @throws RefusedRequest
 */
export function linesOf(file: Buffer): readonly string[] {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(file)
  } catch {
    throw new RefusedRequest(400, 'The file is not plain text in UTF-8. Nothing was sent.')
  }
  const lines = text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== '')
  if (lines.length === 0) throw new RefusedRequest(400, 'The file has no messages: one per line is expected.')
  if (lines.length > MOST_LINES) {
    throw new RefusedRequest(
      413,
      `The file has ${lines.length} messages; at most ${MOST_LINES} are taken. Nothing was sent.`,
    )
  }
  return lines.map((line, index) => {
    const parsed = textField.safeParse(line)
    if (parsed.success) return parsed.data
    throw new RefusedRequest(400, `Message ${index + 1}: ${parsed.error.issues[0]?.message}. Nothing was sent.`)
  })
}

async function refusing(read: () => Promise<unknown>, tooLarge: string): Promise<void> {
  try {
    await read()
  } catch (error) {
    throw statusOf(error) === 413
      ? new RefusedRequest(413, tooLarge)
      : new RefusedRequest(400, 'The form cannot be read.')
  }
}

function statusOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined
  return 'httpCode' in error ? error.httpCode : 'status' in error ? error.status : undefined
}

function bodyOf(ctx: Koa.Context): unknown {
  return (ctx.request as { readonly body?: unknown }).body
}

function collecting(chunks: Buffer[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
}

/** What is left of a body that was refused on the way is read away, so that the answer gets through. */
export function discardRest(req: IncomingMessage): void {
  req.removeAllListeners('data')
  req.resume()
}
