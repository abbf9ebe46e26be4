/** How wide the number in each text is, so that all requests are equally long. */
const NUMBER_WIDTH = 8
const FIRST_IDENTITY = 255_700_000_000

/** The identity of a person by number; a mobile number of Tanzania. */
export function identityOf(person: number): string {
  return String(FIRST_IDENTITY + person)
}

/** The bytes of a request: a message of a person with a number in its text, as a gateway would post it. */
export function requestBytes(path: string, person: number, number: number): Buffer {
  const body = `identity=${identityOf(person)}&text=echo+${textNumber(number)}`
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
    'latin1',
  )
}

/** The number as it stands in the text of a request and of the echo. */
export function textNumber(number: number): string {
  return String(number).padStart(NUMBER_WIDTH, '0')
}

/** A prime, so that people come in no order that an index would like. */
const STEP = 7_919

/**
 * One request for each of a number of people, made before the clock runs.
 * @param spread takes every so many-th person only
 */
export function requestPool(path: string, people: number, spread = 1): readonly Buffer[] {
  return Array.from({ length: people }, (_, index) => requestBytes(path, ((index * STEP) % people) * spread, index))
}
