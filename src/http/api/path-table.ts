import type { ApiMethod, Endpoint } from './endpoint.ts'

interface Entry {
  readonly pattern: RegExp
  readonly names: readonly string[]
  readonly byMethod: ReadonlyMap<ApiMethod, Endpoint>
}

/** What a path leads to. */
export interface Place {
  readonly params: Readonly<Record<string, string>>
  readonly byMethod: ReadonlyMap<ApiMethod, Endpoint>
}

const PARAMETER = /\{(\w+)\}/g
const LONGEST_PATH = 1_000

/** Finds endpoints by path. */
export class PathTable {
  readonly #entries: readonly Entry[]

  constructor(endpoints: readonly Endpoint[]) {
    const paths = [...new Set(endpoints.map(({ path }) => path))]
    this.#entries = paths.map((path) => ({
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(PARAMETER, '([^/]+)')}$`),
      names: [...path.matchAll(PARAMETER)].map(([, name = '']) => name),
      byMethod: new Map(endpoints.filter((each) => each.path === path).map((each) => [each.method, each] as const)),
    }))
  }

  /** @returns undefined where nothing is, and for what is no path at all */
  find(path: string): Place | undefined {
    if (path.length > LONGEST_PATH) return undefined
    for (const { pattern, names, byMethod } of this.#entries) {
      const values = pattern.exec(path)?.slice(1).map(decoded)
      if (values === undefined) continue
      if (values.includes(undefined)) return undefined
      return { params: Object.fromEntries(names.map((name, index) => [name, values[index] ?? ''])), byMethod }
    }
    return undefined
  }
}

function decoded(segment: string): string | undefined {
  try {
    const text = decodeURIComponent(segment)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
