/** A connection as a key of a map. */
export function connectionKey(backend: string, identity: string): string {
  return `${backend}\n${identity}`
}
