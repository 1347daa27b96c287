import { Argument, type Command, type Option } from 'commander'

/** `canopus help [command...]`, which finds the commands of commands too, unlike the library's own. */
export function addHelp(program: Command): void {
  program
    .helpCommand(false)
    .command('help')
    .description('show help for a command')
    .addArgument(new Argument('[command...]', 'for example up, or image build'))
    .action((path: string[]) => {
      let command = program
      for (const [index, name] of path.entries()) {
        const next = command.commands.find(each => each.name() === name)
        if (!next) return program.error(`error: unknown command '${path.slice(0, index + 1).join(' ')}'`)
        command = next
      }
      command.outputHelp()
    })
}

/** An option's line in the help: its default as one would write it, and none where that says nothing. */
export function optionDescription(option: Option): string {
  const value = option.defaultValueDescription ?? writtenValue(option)
  const extra = [
    ...(option.argChoices ? [option.argChoices.join(', ')] : []),
    ...(value === '' ? [] : [`default: ${value}`]),
  ]
  return extra.length === 0 ? option.description : `${option.description} (${extra.join('; ')})`
}

/** Parsed values in the form in which flags take them. */
function writtenValue({ defaultValue, flags, negate }: Option): string {
  if (defaultValue === undefined || defaultValue === false || negate) return ''
  if (Array.isArray(defaultValue)) return defaultValue.join(',')
  if (typeof defaultValue === 'number' && flags.includes('<duration>')) return writtenDuration(defaultValue)
  if (isEndpoint(defaultValue)) return `${defaultValue.address}:${defaultValue.port}`
  if (isRange(defaultValue)) return `${defaultValue.from}-${defaultValue.to}`
  return String(defaultValue)
}

const isEndpoint = (value: unknown): value is { address: string; port: number } =>
  typeof value === 'object' && value !== null && 'address' in value && 'port' in value
const isRange = (value: unknown): value is { from: number; to: number } =>
  typeof value === 'object' && value !== null && 'from' in value && 'to' in value

function writtenDuration(milliseconds: number): string {
  if (milliseconds % 60_000 === 0) return `${milliseconds / 60_000}m`
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`
}
