import { Option } from 'commander'
import { proxyOptions } from './proxy-options.ts'

/**
 * The flags of `switchboard proxy`: `--request-path`, and hidden beside it `--request_path`, as the original has it.
 * @param refuse ends the command with what is wrong; what was given is a secret then, and not to be shown
 */
export function proxyFlags(refuse: (message: string) => never): readonly Option[] {
  return proxyOptions.flatMap(({ name, value, describe, isSecret, instead }) => {
    const argument = value === undefined ? '[true|false]' : `<${value}>`
    return spellingsOf(name).map((spelling, index) => {
      const option = new Option(`--${spelling} ${argument}`, describe).hideHelp(
        index > 0 || isSecret === true || instead !== undefined,
      )
      if (isSecret !== true) return option
      const why = 'everybody on this machine can read what a process is called with'
      return option.argParser(() => refuse(`${why}: set ${name.toUpperCase()} in the place of --${spelling}`))
    })
  })
}

function spellingsOf(name: string): readonly string[] {
  const dashed = name.replaceAll('_', '-')
  return dashed === name ? [name] : [dashed, name]
}
