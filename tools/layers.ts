import { globSync, readdirSync, readFileSync } from 'node:fs'

interface Manifest {
  name: string
  canopus: { layer: number }
  dependencies?: Record<string, string>
}

/**
 * Every package depends only on packages of lower layers, and on nothing that it does not import. Returns one sentence per
 * violation.
 */
export function checkLayers(root: string): string[] {
  const folders = readdirSync(`${root}/packages`)
  const manifests = folders.map(
    folder => JSON.parse(readFileSync(`${root}/packages/${folder}/package.json`, 'utf8')) as Manifest,
  )
  const layers = new Map(manifests.map(manifest => [manifest.name, manifest.canopus.layer]))
  return manifests.flatMap((manifest, index) => [
    ...upwardDependencies(manifest, layers),
    ...unusedDependencies(manifest, `${root}/packages/${folders[index]}/src`),
  ])
}

function upwardDependencies({ name, canopus, dependencies }: Manifest, layers: ReadonlyMap<string, number>): string[] {
  return Object.keys(dependencies ?? {}).flatMap(dependency => {
    const layer = layers.get(dependency)
    return layer !== undefined && layer >= canopus.layer
      ? [`${name} (layer ${canopus.layer}) depends on ${dependency} (layer ${layer})`]
      : []
  })
}

/** Dependencies that no source file names in an import. */
function unusedDependencies({ name, dependencies }: Manifest, source: string): string[] {
  const text = globSync('**/*.ts', { cwd: source })
    .map(file => readFileSync(`${source}/${file}`, 'utf8'))
    .join('\n')
  return Object.keys(dependencies ?? {})
    .filter(dependency => !new RegExp(`(from|import\\(|import) ?['"]${dependency}(/[^'"]*)?['"]`).test(text))
    .map(dependency => `${name} names ${dependency}, which none of its files imports`)
}
