import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ImageFile, packImage } from '@canopus/cri'
import type { Progress } from '../progress.ts'
import { add, busyboxFiles, debianArchitecture, parentDirectories, programFiles, unpackPackages } from './debian.ts'
import { type ImageStore, storeImage } from './image-store.ts'
import { type DebianRecipe, readRecipes } from './recipe.ts'

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface BuildOptions {
  recipes: string
  names: readonly string[]
  store: ImageStore
  progress: Progress
}

/** Builds the recipes (all of the directory where none is named) into the image store, replacing what was there. */
export async function buildImages(options: BuildOptions): Promise<void> {
  const recipes = readRecipes(options.recipes, options.names)
  const scratch = mkdtempSync(join(tmpdir(), 'canopus-images-'))
  try {
    const packages = [...new Set([...recipes.values()].flatMap(recipe => recipe.packages))]
    const root = await options.progress.step(`Unpacking ${packages.join(', ')}`, () =>
      unpackPackages(packages, scratch),
    )
    for (const recipe of recipes.values())
      await options.progress.step(`Packing ${recipe.name}`, async () => {
        const image = await packImage({
          name: `${recipe.name}:${recipe.tags[0]}`,
          architecture: debianArchitecture().oci,
          files: await imageFiles(recipe, root, options.recipes),
          config: { ...recipe.config, Env: [PATH, ...(recipe.config.Env ?? [])] },
        })
        await storeImage(options.store, recipe.name, recipe.tags, image)
      })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function imageFiles(recipe: DebianRecipe, root: string, recipes: string): Promise<ImageFile[]> {
  const files = new Map<string, ImageFile>((await programFiles(root, recipe.programs)).map(file => [file.path, file]))
  for (const path of recipe.copy ?? []) add(files, root, path)
  for (const [path, file] of Object.entries(recipe.files ?? {}))
    files.set(path, {
      path,
      mode: Number.parseInt(file.mode ?? '0644', 8),
      content: readFileSync(join(recipes, file.from)),
    })
  for (const [path, target] of Object.entries(recipe.links ?? {})) files.set(path, { path, target })
  const directories: ImageFile[] = Object.entries({
    tmp: { mode: '1777' },
    run: {},
    'var/run': {},
    root: { mode: '0700' },
    ...recipe.directories,
  }).map(([path, { mode, user, group }]: [string, { mode?: string; user?: number; group?: number }]) => ({
    path,
    mode: Number.parseInt(mode ?? '0755', 8),
    uid: user ?? 0,
    gid: group ?? 0,
  }))
  const all = [
    ...directories,
    ...accounts(recipe),
    ...files.values(),
    ...(await busyboxFiles(root, new Set(files.keys()))),
  ]
  return [...parentDirectories(all), ...all]
}

function accounts(recipe: DebianRecipe): ImageFile[] {
  const users = Object.entries(recipe.users ?? {})
  const passwd = [
    'root:x:0:0:root:/root:/bin/sh',
    ...users.map(([name, user]) => `${name}:x:${user.id}:${user.id}::${user.home}:/bin/false`),
    'nobody:x:65534:65534:nobody:/nonexistent:/bin/false',
  ]
  const group = ['root:x:0:', ...users.map(([name, user]) => `${name}:x:${user.id}:`), 'nogroup:x:65534:']
  const text = (lines: readonly string[]): Uint8Array => Buffer.from(`${lines.join('\n')}\n`)
  return [
    { path: 'etc/passwd', content: text(passwd) },
    { path: 'etc/group', content: text(group) },
    { path: 'etc/nsswitch.conf', content: text(['hosts: files dns']) },
  ]
}
