/** How the components refuse a command line: in the words of upstream's programs, and with their status (github.com/spf13/pflag). */
import { Failure } from '@canopus/cli'
import type { Command, CommanderError } from 'commander'

/** What was found wrong with a command line, as upstream's programs say it; anything else as it is. */
export function refusal(error: CommanderError, command: Command): Error {
  if (error.exitCode === 0) return error
  const text = error.message.replace(/^error: /, '')
  const words = wordsOf(error.code, text, command)
  return words === undefined ? error : new Failure(words, `(see \`canopus ${command.name()} --help\`)`)
}

function wordsOf(code: string, text: string, command: Command): string | undefined {
  switch (code) {
    case 'commander.unknownOption':
      return unknown(/'(.*)'/s.exec(text)?.[1] ?? '')
    case 'commander.optionMissingArgument':
      return `flag needs an argument: ${longOf(command, /^option '(.*)' argument missing/s.exec(text)?.[1])}`
    case 'commander.invalidArgument': {
      const [, flags, value = '', problem = ''] = /^option '(.*?)' argument '(.*)' is invalid\. (.*)$/s.exec(text) ?? []
      const problems = problem.replace(/\.$/, '')
      return `invalid argument ${JSON.stringify(value)} for ${JSON.stringify(namesOf(command, flags))} flag: ${problems}`
    }
    case 'commander.excessArguments':
    case 'commander.unknownCommand':
      return `${JSON.stringify(`kube-${command.name()}`)} does not take any arguments, got ${JSON.stringify(command.args)}`
    default:
      return undefined
  }
}

function unknown(option: string): string {
  if (option.startsWith('--')) return `unknown flag: ${option.split('=')[0]}`
  return `unknown shorthand flag: '${option.charAt(1)}' in ${option}`
}

const optionOf = (command: Command, flags: string | undefined) => command.options.find(each => each.flags === flags)
const longOf = (command: Command, flags = ''): string => optionOf(command, flags)?.long ?? flags

/** `-v, --v`, without what stands for the value. */
function namesOf(command: Command, flags = ''): string {
  const option = optionOf(command, flags)
  return [option?.short, option?.long].filter(each => each !== undefined).join(', ') || flags
}
