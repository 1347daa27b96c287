/**
 * A full cluster's objects, as API server and controllers write them: an application (deployment, replica set, pods, service,
 * slices, endpoints), a namespace and a node are made in a small cluster, and copied with other names, addresses and uids.
 */
import { Deployments, EndpointSlices, Namespaces, Nodes, Pods, Services } from '../../packages/api/src/index.ts'
import { systemClock } from '../../packages/platform/src/index.ts'
import { createMemoryStore, type Store } from '../../packages/store/src/index.ts'
import { startCluster, type TestCluster } from '../../packages/testing/src/index.ts'
import { podNamed } from './pod.ts'

export interface Size {
  nodes: number
  /** Deployments of `PODS_EACH` pods, each with a service. */
  applications: number
}

export const PODS_EACH = 15
/** No more than the official limits allow for a namespace. */
const APPLICATIONS_EACH = 100
export const CLUSTER_CIDR = '10.128.0.0/11'
export const SERVICE_CIDR = '10.96.0.0/16'
const SEED = { application: 'app-000000', namespace: 'team-000', node: 'seed-node-' }

export const applicationName = (n: number): string => `app-${String(n).padStart(6, '0')}`
export const namespaceOf = (n: number): string => `team-${String(Math.floor(n / APPLICATIONS_EACH)).padStart(3, '0')}`
export const nodeName = (n: number): string => `node-${String(n).padStart(5, '0')}`

/** Writes the cluster into an empty store, many objects a commit. Returns how many there are. */
export async function fillToTheLimits(store: Store, size: Size): Promise<number> {
  const seed = await seedObjects()
  let written = 0
  let pending: Promise<unknown>[] = []
  const write = async (template: Template, n: number, value: (token: string, n: number) => string): Promise<void> => {
    const { key, text } = template.copy(token => (token.startsWith(REVISION) ? token : value(token, n)))
    pending.push(
      store.create(key, revision => Buffer.from(text.replaceAll(REVISION, `"resourceVersion":"${revision}"`))),
    )
    written++
    if (pending.length < WRITTEN_AT_ONCE) return
    await Promise.all(pending)
    pending = []
  }
  const namespaces = Math.ceil(size.applications / APPLICATIONS_EACH)
  for (let n = 0; n < namespaces; n++)
    for (const template of seed.namespace)
      await write(template, n * APPLICATIONS_EACH, applicationValue(size, seed.addresses))
  for (let n = 0; n < size.nodes; n++) for (const template of seed.node) await write(template, n, nodeValue)
  for (let n = 0; n < size.applications; n++)
    for (const template of seed.application) await write(template, n, applicationValue(size, seed.addresses))
  await Promise.all(pending)
  return written
}

const WRITTEN_AT_ONCE = 1000
const REVISION = '"resourceVersion":"'

/** What stands in place of a token of the seed in the nth application, or in the nth application's namespace. */
function applicationValue({ nodes }: Size, addresses: readonly string[]): (token: string, n: number) => string {
  const places = new Map(addresses.map((address, place) => [address, place]))
  return (token, n) => {
    if (token === SEED.application) return applicationName(n)
    if (token === SEED.namespace) return namespaceOf(n)
    if (token.startsWith(SEED.node)) return nodeName((n * PODS_EACH + Number(token.slice(SEED.node.length))) % nodes)
    if (token.startsWith('10.96.')) return `10.96.${Math.floor(n / 250) + 1}.${(n % 250) + 2}`
    const place = places.get(token)
    if (place !== undefined) return podAddress(n * PODS_EACH + place)
    return `${token.slice(0, -6)}${n.toString(16).padStart(6, '0')}`
  }
}

function nodeValue(token: string, n: number): string {
  if (token.startsWith(SEED.node)) return nodeName(n)
  if (token.startsWith('10.128.')) return `10.${128 + (n >> 8)}.${n & 255}.0`
  return `${token.slice(0, -6)}${n.toString(16).padStart(6, '0')}`
}

/** Within the second half of the pods' network, of which no node has a part. */
const podAddress = (index: number): string => `10.${148 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`

/** A text cut at what differs between copies: names, uids, addresses, the revision. */
class Template {
  readonly #key: readonly string[]
  readonly #text: readonly string[]

  constructor(key: string, text: string) {
    this.#key = key.split(TOKEN)
    this.#text = text.replace(/"resourceVersion":"\d+"/, REVISION).split(TOKEN)
  }

  copy(value: (token: string) => string): { key: string; text: string } {
    // Every second part is a token, since the expression has one group.
    const filled = (parts: readonly string[]): string =>
      parts.map((part, at) => (at % 2 === 0 ? part : value(part))).join('')
    return { key: filled(this.#key), text: filled(this.#text) }
  }
}

const TOKEN =
  /(app-000000|team-000|seed-node-\d+|"resourceVersion":"(?!\d)|10\.(?:96|128|244)\.\d+\.\d+|[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12})/

interface Seed {
  application: Template[]
  namespace: Template[]
  node: Template[]
  /** Of the application's pods. */
  addresses: string[]
}

/** One of each, once the controllers have nothing more to do with them. */
async function seedObjects(): Promise<Seed> {
  const store = createMemoryStore({ clock: systemClock })
  const cluster = await startCluster({ store, nodes: PODS_EACH, simulation: { prefix: SEED.node }, listen: false })
  try {
    const addresses = await grown(cluster)
    const { items } = await store.list('/registry/', {})
    const seed: Seed = { application: [], namespace: [], node: [], addresses }
    for (const { key, value } of items) {
      const text = Buffer.from(value).toString()
      if (key.startsWith('/registry/events/')) continue
      if (text.includes(SEED.application)) seed.application.push(new Template(key, text))
      else if (text.includes(`"${SEED.namespace}"`)) seed.namespace.push(new Template(key, text))
      else if (key.endsWith(`/${SEED.node}0`)) seed.node.push(new Template(key, ofBigCluster(text)))
    }
    return seed
  } finally {
    await cluster.stop()
  }
}

/** How long kubelets of more than 2,000 nodes keep what they refer to: the TTL controller would write every node once. */
const ofBigCluster = (node: string): string =>
  node.replace('"node.alpha.kubernetes.io/ttl":"0"', '"node.alpha.kubernetes.io/ttl":"300"')

async function grown({ client }: TestCluster): Promise<string[]> {
  const { application: name, namespace } = SEED
  const { spec, metadata } = podNamed('') as unknown as { spec: object; metadata: { annotations: object } }
  const labels = { app: name }
  const template = { metadata: { labels, annotations: metadata.annotations }, spec }
  const meta = { name, namespace }
  const deployment = { metadata: meta, spec: { replicas: PODS_EACH, selector: { matchLabels: labels }, template } }
  const service = { metadata: meta, spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] } }
  await client.resource(Namespaces).create({ metadata: { name: namespace } } as never)
  await eventually(() =>
    client
      .resource(Deployments)
      .create(deployment as never)
      .then(
        () => true,
        () => false,
      ),
  )
  await client.resource(Services).create(service as never)
  await eventually(async () => {
    const { status } = await client.resource(Deployments).get(name, { namespace })
    const done = status?.conditions?.some(({ reason }) => reason === 'NewReplicaSetAvailable') === true
    const slices = await client.resource(EndpointSlices).list({ namespace })
    const ready = slices.items.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions?.ready)
    const nodes = await client.resource(Nodes).list()
    const calm = nodes.items.every(node => node.spec?.podCIDR && !node.spec.taints?.length)
    return done && calm && status?.availableReplicas === PODS_EACH && ready.length === PODS_EACH
  })
  const pods = await client.resource(Pods).list({ namespace })
  return pods.items.map(pod => pod.status!.podIP!)
}

/** Asks until it holds; throws after a minute. */
export async function eventually(holds: () => Promise<boolean>, patience = 60_000): Promise<void> {
  for (const end = performance.now() + patience; !(await holds()); ) {
    if (performance.now() > end) throw new Error('it did not happen in time')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
