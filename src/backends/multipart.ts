/** One part of a multipart body that has a name. */
export interface Part {
  readonly name: string
  /** What its Content-Type says, where it says something. */
  readonly charset: string | undefined
  readonly content: Uint8Array
}

const BLANK_LINE = Buffer.from('\r\n\r\n')
const DASHES = '--'
const LONGEST_BOUNDARY = 70

/**
 * Splits a body of multipart/form-data (RFC 7578) into its parts, bytes as they came, so that each can be decoded by
 * the charset it names. Files are parts like any other.
 * @param most parts there may be at the most
 * @returns undefined when the body is not what its Content-Type says, or has more parts
 */
export function multipartParts(body: Uint8Array, contentType: string, most: number): readonly Part[] | undefined {
  const boundary = parameterOf(contentType, 'boundary')
  if (boundary === undefined || boundary === '' || boundary.length > LONGEST_BOUNDARY) return undefined
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const first = Buffer.from(`${DASHES}${boundary}`, 'latin1')
  const between = Buffer.from(`\r\n${DASHES}${boundary}`, 'latin1')
  // What stands before the first boundary is no part.
  const begin = bytes.subarray(0, first.length).equals(first) ? 0 : bytes.indexOf(between) + 2
  if (begin === 1) return undefined
  const parts: Part[] = []
  for (let at = begin + first.length; ; ) {
    if (bytes.toString('latin1', at, at + 2) === DASHES) return parts
    // Blanks may follow a boundary.
    const headers = bytes.indexOf('\r\n', at)
    const end = headers < 0 ? -1 : bytes.indexOf(between, headers)
    if (end < 0 || parts.length >= most || bytes.toString('latin1', at, headers).trim() !== '') return undefined
    const part = partOf(bytes.subarray(headers, end))
    if (part === undefined) return undefined
    parts.push(part)
    at = end + between.length
  }
}

function partOf(bytes: Buffer): Part | undefined {
  const blank = bytes.indexOf(BLANK_LINE)
  if (blank < 0) return undefined
  // Browsers write names in UTF-8.
  const lines = bytes.toString('utf8', 0, blank).split('\r\n')
  const disposition = headerOf(lines, 'content-disposition')
  const name = disposition === undefined ? undefined : parameterOf(disposition, 'name')
  if (name === undefined) return undefined
  const type = headerOf(lines, 'content-type')
  const charset = type === undefined ? undefined : parameterOf(type, 'charset')
  return { name: unescaped(name), charset, content: bytes.subarray(blank + BLANK_LINE.length) }
}

function headerOf(lines: readonly string[], name: string): string | undefined {
  const line = lines.find((each) => each.slice(0, name.length + 1).toLowerCase() === `${name}:`)
  return line?.slice(name.length + 1).trim()
}

/** A parameter of a header: `boundary=x` or `boundary="x"`. */
export function parameterOf(header: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^";\\s]*))`, 'i').exec(header)
  return match?.[1] ?? match?.[2]
}

/** Browsers write a quote in a name as %22; other clients put a backslash before it. */
function unescaped(name: string): string {
  return name
    .replace(/%22/g, '"')
    .replace(/%0d%0a/gi, '\r\n')
    .replace(/\\(["\\])/g, '$1')
}
