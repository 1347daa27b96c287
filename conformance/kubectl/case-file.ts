/**
 * The form in which cases of the suite are written; README.md describes it.
 *
 * A case is a title, files and steps. A step is one shell command and what has to be true of it.
 */

export interface Step {
  /** Line of the command in its file, from 1. */
  line: number
  command: string
  /** Whether the command has to end with status 0 (`$`) or not (`!`), or is repeated until all is as expected (`?`). */
  mode: 'succeeds' | 'fails' | 'becomes'
  /** The whole of standard output, without its last line break. */
  stdout?: string
  /** Patterns that are found in standard output and error together. */
  found: readonly RegExp[]
  /** Patterns that are not. */
  absent: readonly RegExp[]
}

export interface Case {
  title: string
  line: number
  /** Part of the short run with older kubectls. */
  smoke: boolean
  /** The first minor version of kubectl that has what the case uses. */
  since: number
  files: ReadonlyMap<string, string>
  steps: readonly Step[]
}

type Building<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer Item)[] ? Item[] : T[K] }

interface Draft extends Omit<Building<Case>, 'files' | 'steps'> {
  files: Map<string, string>
  steps: Building<Step>[]
}

const MODES: Readonly<Record<string, Step['mode']>> = { $: 'succeeds', '!': 'fails', '?': 'becomes' }

/** Reads a file of cases. Throws for a line that it does not understand: what is not understood would not be tested. */
export function parseCases(text: string, name: string): Case[] {
  const cases: Draft[] = []
  const lines = text.split('\n')
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!
    const wrong = (why: string): Error => new Error(`${name}:${index + 1}: ${why}: ${line}`)
    if (line.trim() === '' || line.startsWith('//')) continue
    const [sign, rest] = [line.slice(0, line.indexOf(' ') + 1 || undefined).trim(), line.slice(line.indexOf(' ') + 1)]
    if (sign === '#') {
      cases.push(heading(rest, index + 1))
      continue
    }
    const current = cases.at(-1)
    if (!current) throw wrong('before the first title')
    if (sign === 'file') {
      const end = endOfIndented(lines, index + 1)
      current.files.set(rest.trim(), outdent(lines.slice(index + 1, end)))
      index = end - 1
      continue
    }
    const mode = MODES[sign]
    if (mode) {
      current.steps.push({ line: index + 1, command: rest, mode, found: [], absent: [] })
      continue
    }
    const step = current.steps.at(-1)
    if (!step) throw wrong('before the first command')
    if (sign === '=') step.stdout = joined(step.stdout, line === '=' ? '' : rest)
    else if (sign === '~') step.found.push(new RegExp(rest, 'm'))
    else if (sign === '!~') step.absent.push(new RegExp(rest, 'm'))
    else throw wrong('not understood')
  }
  const empty = cases.find(each => each.steps.length === 0)
  if (empty) throw new Error(`${name}:${empty.line}: no steps: ${empty.title}`)
  return cases
}

/** `title @smoke @1.31`. */
function heading(text: string, line: number): Draft {
  const since = /@1\.(\d+)/.exec(text)
  return {
    title: text.replaceAll(/\s*@[\w.]+/g, ''),
    line,
    smoke: /@smoke\b/.test(text),
    since: since ? Number(since[1]) : 0,
    files: new Map(),
    steps: [],
  }
}

function endOfIndented(lines: readonly string[], from: number): number {
  let end = from
  while (end < lines.length && (lines[end]!.startsWith('  ') || lines[end] === '')) end++
  return end
}

const outdent = (lines: readonly string[]): string =>
  `${lines
    .map(line => line.slice(2))
    .join('\n')
    .trimEnd()}\n`
const joined = (before: string | undefined, line: string): string =>
  before === undefined ? line : `${before}\n${line}`
