import { parseArgs } from 'node:util'

export const caseLetters = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'k', 'l', 'm', 'n', 'o', 'p', 'q'] as const
export type CaseLetter = (typeof caseLetters)[number]

/** What a run of the benchmark was asked for. */
export interface Options {
  readonly only: ReadonlySet<CaseLetter>
  readonly quick: boolean
  readonly tenMillion: boolean
  readonly wrk: boolean
  /** Where the results go. */
  readonly out: string
}

export const usage = `npm run bench -- [options]

  --only c,d      these cases alone: ${caseLetters.join(', ')} (a to d are measured in turn, so that they compare)
  --quick         short rounds, small stores: to see whether it runs, and for rough ratios while developing
  --ten-million   case f with 10 million stored messages as well (some GB of disk, and many minutes)
  --wrk           measure a to d with wrk too, where it is installed, to see whether the generator is the limit
  --out FILE      where the results are written (default: bench/results.md; with --quick or --only nowhere)
  --no-build      with dist as it stands
  --help          this text`

/**
 * Reads the command line.
 * @throws Error naming what is wrong
 */
export function readOptions(args: readonly string[], usualOut: string): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'ten-million': { type: 'boolean', default: false },
      wrk: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const partial = values.quick || values.only !== undefined
  return {
    only: new Set(values.only === undefined ? caseLetters : values.only.split(',').map(caseLetter)),
    quick: values.quick,
    tenMillion: values['ten-million'],
    wrk: values.wrk,
    out: values.out ?? (partial ? '' : usualOut),
  }
}

function caseLetter(text: string): CaseLetter {
  const letter = caseLetters.find((known) => known === text.trim())
  if (letter === undefined)
    throw new Error(`--only ${text}: there is no such case; there are ${caseLetters.join(', ')}`)
  return letter
}
