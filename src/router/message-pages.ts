import type { ListedMessage, ListingFilter, ListingStore } from '../store/listing-store.ts'

/** One page of all messages; `next` is what the following one begins after. */
export interface MessagePage {
  readonly messages: readonly ListedMessage[]
  readonly next: number
  /** There is more to read now; else the next page is worth asking for later. */
  readonly more: boolean
}

export interface MessagePageQuery {
  readonly after: number
  readonly filter: ListingFilter
  readonly limit: number
}

/** Numbers that are looked at in one step: few enough that others are not held up, more where nothing is found. */
const FIRST_STEP = 5_000
const LONGEST_STEP = 20_000
/** Milliseconds; a page that has found little by then says that there is more. */
const LONGEST_MS = 500
/** Ids are made before their numbers, and by clocks that may differ. */
const MARGIN_MS = 3_600_000

/**
 * The page of messages after a number, in the order in which they were recorded. No message is ever passed over: a page
 * ends before the first number that somebody may still record something with.
 */
export async function messagePage(listing: ListingStore, query: MessagePageQuery): Promise<MessagePage> {
  const { filter, limit } = query
  const settled = await listing.settledUpTo()
  const { first, last } = await boundsOf(listing, filter, settled)
  const messages: ListedMessage[] = []
  const until = Math.max(query.after, last)
  let next = Math.max(query.after, Math.min(first - 1, last))
  let step = FIRST_STEP
  for (const began = performance.now(); next < until && messages.length < limit; ) {
    const upTo = Math.min(until, next + step)
    const wanted = limit - messages.length
    const found = await listing.window({ after: next, upTo, filter, limit: wanted })
    messages.push(...found)
    next = found.length === wanted ? (found.at(-1)?.seq ?? upTo) : upTo
    if (found.length === 0) step = Math.min(LONGEST_STEP, step * 2)
    if (performance.now() - began > LONGEST_MS) break
  }
  return { messages, next, more: next < until }
}

/** Where the times of a filter lie among the numbers, generously. */
async function boundsOf(
  listing: ListingStore,
  { since, until }: ListingFilter,
  settled: number,
): Promise<{ readonly first: number; readonly last: number }> {
  const first = since === undefined ? 1 : await listing.firstSince(since - MARGIN_MS)
  const end = until === undefined ? undefined : await listing.firstSince(until + MARGIN_MS)
  return { first: first ?? settled + 1, last: Math.min(settled, end ?? settled) }
}
