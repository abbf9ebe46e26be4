import { expect } from 'chai'
import { keep } from '../../src/messages/bounded-map.ts'

describe('a map with room for so many', () => {
  it('lets go of what was not kept anew for the longest time', () => {
    const map = new Map<string, number>()
    for (const [key, value] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
      ['c', 4],
      ['d', 5],
    ] as const)
      keep(map, 3, key, value)
    expect([...map]).to.deep.equal([
      ['a', 3],
      ['c', 4],
      ['d', 5],
    ])
  })

  it('lets go of nothing when one that it has is kept anew', () => {
    const map = new Map([
      ['a', 1],
      ['b', 2],
    ])
    keep(map, 2, 'a', 3)
    expect([...map]).to.deep.equal([
      ['b', 2],
      ['a', 3],
    ])
  })
})
