/**
 * Keeps a value in a map that has room for so many: what is kept anew stands last, and what stands first goes.
 * @param most entries, at least one
 */
export function keep<Value>(map: Map<string, Value>, most: number, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= most) return
  const [first] = map.keys()
  if (first !== undefined) map.delete(first)
}
