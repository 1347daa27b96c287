import { createReadStream, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { sleep } from '@canopus/base'
import { namesIn } from '@canopus/platform'
import { loadConfig, pathsOf } from '../cluster/config.ts'
import type { CliEnvironment } from '../environment.ts'
import { Failure } from '../failure.ts'

export interface LogsOptions {
  name: string
  component?: string
  tail: number
  follow: boolean
}

/** Prints the components' logs, each line behind its component where there are several. */
export async function logs(options: LogsOptions, environment: CliEnvironment): Promise<void> {
  const config = loadConfig(environment.home, options.name)
  if (!config) throw new Failure(`there is no cluster "${options.name}"`, 'Make one with `canopus up`.')
  const directory = pathsOf(config).logs
  const all = filesOf(directory)
  const wanted = options.component?.replaceAll('/', '-')
  const files =
    wanted === undefined
      ? all
      : all.filter(file => file === `${wanted}.log` || file.startsWith(`${wanted}-`) || file.endsWith(`-${wanted}.log`))
  if (files.length === 0)
    throw new Failure(
      `there is no log of "${options.component ?? options.name}"`,
      `There are: ${all.map(file => file.slice(0, -4)).join(', ') || 'none yet'}`,
    )
  const print = (file: string, lines: readonly string[]): void => {
    for (const line of lines)
      environment.stdout.write(files.length > 1 ? `${file.slice(0, -4)}: ${line}\n` : `${line}\n`)
  }
  const positions = new Map<string, number>()
  for (const file of files) {
    const path = join(directory, file)
    positions.set(file, statSync(path).size)
    print(file, lastLines(readFileSync(path, 'utf8'), options.tail))
  }
  if (options.follow) await follow(directory, positions, print, environment)
}

function filesOf(directory: string): string[] {
  return namesIn(directory)
    .filter(file => file.endsWith('.log'))
    .sort()
}

function lastLines(text: string, count: number): string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines.slice(-count)
}

async function follow(
  directory: string,
  positions: Map<string, number>,
  print: (file: string, lines: readonly string[]) => void,
  environment: CliEnvironment,
): Promise<void> {
  while (!environment.signal.aborted) {
    for (const [file, position] of positions) {
      const size = statSync(join(directory, file)).size
      if (size <= position) continue
      const chunks: Buffer[] = []
      for await (const chunk of createReadStream(join(directory, file), { start: position, end: size - 1 }))
        chunks.push(chunk as Buffer)
      const text = Buffer.concat(chunks).toString()
      const whole = text.slice(0, text.lastIndexOf('\n') + 1)
      positions.set(file, position + Buffer.byteLength(whole))
      print(file, lastLines(whole, Number.POSITIVE_INFINITY))
    }
    await sleep(environment.clock, 200, environment.signal).catch(() => {})
  }
}
