import type { CliEnvironment } from '@canopus/cli'
import { Argument, type Command } from 'commander'

const SHELLS = ['bash', 'zsh', 'fish'] as const

/** `canopus completion SHELL`: a script made from the commands and flags themselves. */
export function addCompletion(program: Command, environment: CliEnvironment): void {
  program
    .command('completion')
    .description('print a completion script for bash, zsh or fish')
    .addArgument(new Argument('<shell>', 'for whom').choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => void environment.stdout.write(script(program, shell)))
}

function script(program: Command, shell: (typeof SHELLS)[number]): string {
  const words = wordsByCommand(program)
  switch (shell) {
    case 'bash':
      return bash(words)
    case 'zsh':
      return zsh(words)
    case 'fish':
      return [...words].flatMap(([path, each]) => each.map(word => fishLine(path, word))).join('')
  }
}

/** What may follow each command, the empty path being `canopus` itself. */
function wordsByCommand(program: Command, path = ''): Map<string, string[]> {
  const visible = program.createHelp().visibleCommands(program)
  const flags = program
    .createHelp()
    .visibleOptions(program)
    .flatMap(option => option.long ?? [])
  const choices = program.registeredArguments.flatMap(argument => argument.argChoices ?? [])
  const words = new Map([[path, [...visible.map(command => command.name()), ...choices, ...flags]]])
  for (const command of visible)
    for (const [key, value] of wordsByCommand(command, `${path} ${command.name()}`.trim())) words.set(key, value)
  if (path === '')
    words.set(
      'help',
      visible.map(command => command.name()),
    )
  return words
}

/** Which command the words before the cursor lead to, in `at`, and what may follow it, in `candidates`; for bash and zsh alike. */
function lookUp(words: ReadonlyMap<string, readonly string[]>, before: string): string {
  const commands = [...words.keys()].filter(path => path !== '').map(path => `'${path}'`)
  const cases = [...words].map(([path, each]) => `    '${path}') candidates='${each.join(' ')}' ;;\n`)
  return `  local at='' candidates='' word
  for word in ${before}; do
    word="\${at:+$at }$word"
    case $word in ${commands.join(' | ')}) at=$word ;; esac
  done
  case $at in
${cases.join('')}  esac
`
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
const BASH_BEFORE = '"${COMP_WORDS[@]:1:COMP_CWORD-1}"'
// biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
const ZSH_BEFORE = '"${(@)words[2,CURRENT-1]}"'

const bash = (words: ReadonlyMap<string, readonly string[]>): string => `_canopus() {
${lookUp(words, BASH_BEFORE)}  COMPREPLY=($(compgen -W "$candidates" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _canopus canopus
`

/** Works both ways: sourced, and as a file `_canopus` in the search path of completions. */
const zsh = (words: ReadonlyMap<string, readonly string[]>): string => `#compdef canopus
_canopus() {
${lookUp(words, ZSH_BEFORE)}  compadd -- \${=candidates}
}
if [ "$funcstack[1]" = _canopus ]; then _canopus; else compdef _canopus canopus; fi
`

function fishLine(path: string, word: string): string {
  const condition = path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1)}`
  const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`
  return `complete -c canopus -f -n '${condition}' ${what}\n`
}
