import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** What a hash costs: N = 2^ln blocks of r × 128 bytes, p times over (RFC 7914). */
interface Cost {
  readonly ln: number
  readonly r: number
  readonly p: number
}

interface Parsed extends Cost {
  readonly salt: Buffer
  readonly hash: Buffer
}

/** As the OWASP Password Storage Cheat Sheet has it for 32 MiB. */
const COST: Cost = { ln: 15, r: 8, p: 3 }
/** More of either would let one request take the machine. */
const MOST_MEMORY = 256 * 1024 * 1024
const MOST_ROUNDS = 16
const SALT_BYTES = 16
const HASH_BYTES = 32
const KEY_BYTES = 32
const KEY_BEGIN = 'swb_'
export const LONGEST_PASSWORD = 1_000

const FORM = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]{11,86})\$([\w-]{22,86})$/
const KEY_FORM = /^\$sha256\$[\w-]{43}$/

/** A hash of scrypt with its parameters, as `switchboard hash-password` prints it: `$scrypt$ln=15,r=8,p=3$salt$hash`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  return written(COST, salt, await derived(password, { ...COST, salt, length: HASH_BYTES }))
}

/** Compares in a time that says nothing of the password. A hash that cannot be read fits none. */
export async function fitsPassword(password: string, hash: string): Promise<boolean> {
  const parsed = parse(hash)
  if (parsed === undefined) return false
  return timingSafeEqual(await derived(password, { ...parsed, length: parsed.hash.length }), parsed.hash)
}

/** Whether this is a hash of a password, and one that a request may be made to cost. */
export function isPasswordHash(given: string): boolean {
  return parse(given) !== undefined
}

/** A hash that no password fits, with the cost of this one: whoever is not known takes as long as who is. */
export function hashOfNobody(like: string | undefined): string {
  const cost = (like === undefined ? undefined : parse(like)) ?? COST
  return written(cost, randomBytes(SALT_BYTES), randomBytes(HASH_BYTES))
}

/** A new key for a program, of 256 random bits. */
export function newKey(): string {
  return `${KEY_BEGIN}${randomBytes(KEY_BYTES).toString('base64url')}`
}

/** The hash of a key. A key cannot be guessed, so that it needs no cost. */
export function hashKey(key: string): string {
  return `$sha256$${createHash('sha256').update(key, 'utf8').digest('base64url')}`
}

export function isKeyHash(given: string): boolean {
  return KEY_FORM.test(given)
}

function parse(given: string): Parsed | undefined {
  const [, ln = '', r = '', p = '', salt = '', hash = ''] = FORM.exec(given) ?? []
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) }
  const isFit = cost.ln >= 10 && cost.r >= 1 && cost.p >= 1 && cost.p <= MOST_ROUNDS && memoryOf(cost) <= MOST_MEMORY
  if (!isFit) return undefined
  return { ...cost, salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') }
}

function written({ ln, r, p }: Cost, salt: Buffer, hash: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${salt.toString('base64url')}$${hash.toString('base64url')}`
}

function memoryOf({ ln, r }: Cost): number {
  return 128 * 2 ** ln * r
}

function derived(
  password: string,
  { ln, r, p, salt, length }: Cost & { readonly salt: Buffer; readonly length: number },
): Promise<Buffer> {
  const options = { N: 2 ** ln, r, p, maxmem: 2 * memoryOf({ ln, r, p }) + 1_048_576 }
  // The same letters may be written in several ways, by one keyboard and another.
  const bytes = Buffer.from(password.normalize('NFC'), 'utf8')
  return new Promise((resolve, reject) => {
    scrypt(bytes, salt, length, options, (error, key) => (error === null ? resolve(key) : reject(error)))
  })
}
