import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ImageRecipe as PackedImage } from '@canopus/cri'
import { Failure } from '../failure.ts'

/** An image made of Debian packages, as a file in `images/` describes it. */
export interface DebianRecipe {
  /** With its registry, without a tag. */
  name: string
  tags: string[]
  packages: string[]
  /** Programs that go in, with the shared libraries they need. */
  programs: string[]
  /** Other files taken from the packages. */
  copy?: string[]
  /** Files of our own, by their path in the image; `from` is relative to the recipes' directory. */
  files?: Record<string, { from: string; mode?: string }>
  directories?: Record<string, { mode?: string; user?: number; group?: number }>
  links?: Record<string, string>
  users?: Record<string, { id: number; home: string }>
  config: NonNullable<PackedImage['config']>
}

/** The recipes of a directory, by short name (`redis` for `redis.json`). Throws `Failure` for a name that is not there. */
export function readRecipes(directory: string, names: readonly string[]): Map<string, DebianRecipe> {
  const all = readdirSync(directory)
    .filter(file => file.endsWith('.json'))
    .map(file => file.slice(0, -'.json'.length))
  const unknown = names.filter(name => !all.includes(name))
  if (unknown.length > 0)
    throw new Failure(`no recipe for ${unknown.join(', ')} in ${directory}`, `There are: ${all.join(', ')}`)
  const wanted = names.length > 0 ? names : all
  return new Map(
    wanted.map(name => [name, JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8')) as DebianRecipe]),
  )
}
