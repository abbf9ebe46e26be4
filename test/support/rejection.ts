/**
 * What a promise was rejected with.
 * @throws Error when it was not rejected
 */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new Error(`a rejection was expected, not ${JSON.stringify(value)}`)
}
