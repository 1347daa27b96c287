import { readdirSync, readFileSync } from 'node:fs'

interface Manifest {
  name: string
  canopus: { layer: number }
  dependencies?: Record<string, string>
}

/** Every package depends only on packages of lower layers. Returns one sentence per violation. */
export function checkLayers(root: string): string[] {
  const manifests = readdirSync(`${root}/packages`).map(
    folder => JSON.parse(readFileSync(`${root}/packages/${folder}/package.json`, 'utf8')) as Manifest,
  )
  const layers = new Map(manifests.map(manifest => [manifest.name, manifest.canopus.layer]))
  const problems: string[] = []
  for (const manifest of manifests) {
    for (const dependency of Object.keys(manifest.dependencies ?? {})) {
      const layer = layers.get(dependency)
      if (layer !== undefined && layer >= manifest.canopus.layer)
        problems.push(`${manifest.name} (layer ${manifest.canopus.layer}) depends on ${dependency} (layer ${layer})`)
    }
  }
  return problems
}
