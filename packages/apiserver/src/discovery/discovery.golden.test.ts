/** The discovery documents against upstream's published ones of 1.36, field by field, of every group version that is served. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { testData } from '@canopus/api/testing/test-data'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const NAME = 'discovery'
const folder = testData(NAME)

interface ApiResource {
  readonly name: string
}

interface ResourceList {
  readonly resources: readonly ApiResource[]
}

interface Group {
  readonly name: string
  readonly versions: readonly { readonly version: string }[]
}

interface Aggregated {
  readonly items: readonly {
    readonly metadata: { readonly name: string }
    readonly versions: readonly {
      readonly version: string
      readonly resources: readonly { readonly resource: string }[]
    }[]
  }[]
}

/** Every version in the order of the list, its resources by name. */
const byVersion = ({ items }: Aggregated): [string, object][] =>
  items.flatMap(({ metadata, versions }) =>
    versions.map(({ version, resources, ...rest }): [string, object] => [
      `${metadata.name}/${version}`,
      { ...rest, resources: Object.fromEntries(resources.map(each => [each.resource, each])) },
    ]),
  )

const published = (file: string): unknown => JSON.parse(readFileSync(`${folder}/${file}.json`, 'utf8'))

const byName = ({ resources }: ResourceList): Record<string, object> =>
  Object.fromEntries(resources.map(each => [each.name, each]))

describe("discovery and upstream's", { skip: folder === undefined && `skipped: ${NAME} is not there` }, () => {
  let server: MemoryServer
  const get = async (path: string): Promise<unknown> => (await server.send('GET', path)).json

  before(async () => {
    server = await startMemoryServer()
  })
  after(() => server.stop())

  it('of every group version', async () => {
    const { groups } = (await get('/apis')) as { groups: readonly Group[] }
    const paths = [
      '/api/v1',
      ...groups.flatMap(({ name, versions }) => versions.map(each => `/apis/${name}/${each.version}`)),
    ]
    // Versions that are neither alpha nor beta are on by default; nothing else is.
    const stable = readdirSync(folder!).filter(file => /__v\d+\.json$/.test(file))
    const asPath = (file: string): string => `/${file.replace('.json', '').replaceAll('__', '/')}`
    assert.deepEqual(paths.toSorted(), stable.map(asPath).sort())
    for (const path of paths) {
      const file = path.slice(1).replaceAll('/', '__')
      assert.deepEqual(byName((await get(path)) as ResourceList), byName(published(file) as ResourceList), path)
    }
  })

  it('of groups and their preferred versions', async () => {
    const own = (await get('/apis')) as { groups: readonly Group[] }
    const upstream = published('apis') as { groups: readonly Group[] }
    const served = new Set(
      own.groups.flatMap(({ name, versions }) => versions.map(({ version }) => `${name}/${version}`)),
    )
    const expected = upstream.groups
      .map(group => ({
        ...group,
        versions: group.versions.filter(({ version }) => served.has(`${group.name}/${version}`)),
      }))
      .filter(({ versions }) => versions.length > 0)
    const sorted = (all: readonly Group[]): Group[] => all.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    assert.deepEqual(sorted(own.groups), sorted(expected))
  })

  it('of everything at once', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    const own = (await server.send('GET', '/apis', undefined, { accept })).json as Aggregated
    const upstream = published('aggregated_v2') as Aggregated
    const theirs = new Map(byVersion(upstream))
    for (const [groupVersion, document] of byVersion(own))
      assert.deepEqual(document, theirs.get(groupVersion), groupVersion)
    const order = (list: Aggregated): string[] => byVersion(list).map(([groupVersion]) => groupVersion)
    const served = new Set(order(own))
    assert.deepEqual(
      order(own),
      order(upstream).filter(each => served.has(each)),
    )
    assert.ok(served.size > 20)
  })
})
