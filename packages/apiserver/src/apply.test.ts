/** Server-side apply and the owners of fields, through the request path. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { ManagedFieldsEntry } from '@canopus/apimachinery'
import { createCertificateRequest, createKey } from '@canopus/platform'
import fc from 'fast-check'
import { type Answer, type MemoryServer, startMemoryServer } from './testing/memory-server.ts'

const NS = '/api/v1/namespaces/default'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const APPLY = { 'content-type': 'application/apply-patch+yaml' }
const MERGE = { 'content-type': 'application/merge-patch+json' }

let server: MemoryServer
before(async () => {
  server = await startMemoryServer()
  await server.send('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
})
after(async () => {
  await server.stop()
  assert.deepEqual(server.errors, [])
})

let made = 0
const newName = (): string => `o${++made}`

function apply(path: string, config: unknown, query = 'fieldManager=alice'): Promise<Answer> {
  return server.send('PATCH', `${path}?${query}`, typeof config === 'string' ? Buffer.from(config) : config, APPLY)
}

const configMap = (name: string, data: object): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
})

const deployment = (name: string, spec: object = {}, container: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { a: 'b' } },
    template: {
      metadata: { labels: { a: 'b' } },
      spec: { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }], ...container }] },
    },
    ...spec,
  },
})

const daemonSet = (name: string): object => ({ ...deployment(name), kind: 'DaemonSet' })
const OWN_BOTH = { 'f:metadata': { 'f:annotations': { 'f:x': {} }, 'f:labels': { 'f:x': {} } } }

const ownersOf = (answer: Answer): ManagedFieldsEntry[] => answer.json.metadata.managedFields ?? []
const namesOf = (answer: Answer): string[] =>
  ownersOf(answer).map(({ manager, operation, subresource }) =>
    [manager, operation, ...(subresource === undefined ? [] : [subresource])].join('/'),
  )
const fieldsOf = (answer: Answer, manager: string): unknown =>
  ownersOf(answer).find(each => each.manager === manager)?.fieldsV1

describe('names that several ask for at once', () => {
  const MANAGERS = ['a', 'b', 'c', 'd']

  it('one apply creates the object, the others change it', async () => {
    const name = newName()
    const answers = await Promise.all(
      MANAGERS.map(each => apply(`${NS}/configmaps/${name}`, configMap(name, { [each]: 'v' }), `fieldManager=${each}`)),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 201])
    const { json } = await server.send('GET', `${NS}/configmaps/${name}`)
    assert.deepEqual(json.data, { a: 'v', b: 'v', c: 'v', d: 'v' })
  })

  it('one PUT creates the object, where that may', async () => {
    const name = newName()
    const endpoints = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name } }
    const path = `${NS}/endpoints/${name}`
    const answers = await Promise.all(MANAGERS.map(() => server.send('PUT', path, endpoints)))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 201])
  })
})

describe('owners of an object that two groups serve', () => {
  const parts = { reason: 'R', type: 'Normal', action: 'A', eventTime: '2026-01-01T00:00:00.000000Z' }
  const about = { apiVersion: 'v1', kind: 'Pod', name: 'p', namespace: 'default' }
  const named = (apiVersion: string, name: string): object => ({
    apiVersion,
    kind: 'Event',
    metadata: { name },
    ...parts,
  })
  const versions = {
    v1: { reportingComponent: 'x.y/z', reportingInstance: 'i', involvedObject: about, message: 'm' },
    'events.k8s.io/v1': { reportingController: 'x.y/z', reportingInstance: 'i', regarding: about, note: 'm' },
  }
  const pathOf = (apiVersion: string, name: string): string =>
    `${apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`}/namespaces/default/events/${name}`

  for (const [first, second] of [
    ['v1', 'events.k8s.io/v1'],
    ['events.k8s.io/v1', 'v1'],
  ] as const) {
    it(`are those who wrote through the group of the last write: ${second} after ${first}`, async () => {
      const name = newName()
      const write = (apiVersion: keyof typeof versions, manager: string): Promise<Answer> =>
        apply(
          pathOf(apiVersion, name),
          { ...named(apiVersion, name), ...versions[apiVersion] },
          `fieldManager=${manager}&force=true`,
        )
      assert.deepEqual(namesOf(await write(first, 'a')), ['a/Apply'])
      const answer = await write(second, 'b')
      assert.equal(answer.status, 200)
      assert.deepEqual(namesOf(answer), ['b/Apply'])
    })
  }
})

describe('owners of what is empty', () => {
  it('whoever creates a list without entries owns it, where Go would write null by itself', async () => {
    const csiNode = { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata: { name: newName() } }
    const nodes = '/apis/storage.k8s.io/v1/csinodes?fieldManager=me'
    const created = await server.send('POST', nodes, { ...csiNode, spec: { drivers: [] } })
    assert.deepEqual(fieldsOf(created, 'me'), { 'f:spec': { 'f:drivers': {} } })
    const other = { ...csiNode, metadata: { name: newName() }, spec: { drivers: null } }
    assert.deepEqual(ownersOf(await server.send('POST', nodes, other)), [])
  })

  it('a status without anything belongs to who applies it, also where others own parts of it', async () => {
    const request = Buffer.from(await createCertificateRequest(await createKey(), { commonName: 'a' })).toString(
      'base64',
    )
    const signing = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: newName() },
      spec: { request, signerName: 'example.com/x', usages: ['client auth'] },
    }
    const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
    assert.equal((await server.send('POST', requests, signing)).status, 201)
    for (const sub of ['status', 'approval']) {
      const path = `${requests}/${signing.metadata.name}/${sub}`
      const answer = await apply(path, { ...signing, status: {} }, `fieldManager=${sub}`)
      assert.deepEqual(fieldsOf(answer, sub), { 'f:status': {} })
    }
  })
})

describe('owners in a configuration', () => {
  const cases: [string, unknown, number, RegExp | undefined][] = [
    [
      'that can be read are refused',
      [{ manager: 'x', time: '2026-01-01T00:00:00Z' }],
      400,
      /managedFields must be nil$/,
    ],
    ['of which one is none are nobody', [{ manager: 'x' }, null], 200, undefined],
    ['that are no list are of the wrong type', {}, 500, /\.metadata\.managedFields: expected list, got &\{map\[\]\}$/],
    [
      'with a time that is none cannot be stored',
      [{ time: 'x' }],
      500,
      /^failed to convert new object .* cannot parse "x"/,
    ],
  ]
  for (const [what, managedFields, status, message] of cases) {
    it(what, async () => {
      const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: newName() }, data: { k: 'v' } }
      const path = `${NS}/configmaps/${config.metadata.name}`
      assert.equal((await apply(path, config)).status, 201)
      const answer = await apply(path, { ...config, metadata: { ...config.metadata, managedFields } })
      assert.equal(answer.status, status, answer.text)
      if (message === undefined) assert.deepEqual(namesOf(answer), ['alice/Apply'])
      else assert.match(answer.json.message, message)
    })
  }
})

describe('owners of fields', () => {
  it('a create belongs to the field manager, else to the user agent', async () => {
    const created = await server.send('POST', `${NS}/configmaps?fieldManager=me`, configMap(newName(), { k: 'v' }))
    const { time, ...entry } = ownersOf(created)[0]!
    // Each looks at the clock by itself, which may show the next second in between.
    const apart = Date.parse(time!) - Date.parse(created.json.metadata.creationTimestamp)
    assert.ok(Math.abs(apart) <= 1000, `${apart} ms`)
    assert.deepEqual(entry, {
      manager: 'me',
      operation: 'Update',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { '.': {}, 'f:k': {} } },
    })
    const agents: [string | undefined, string][] = [
      ['kubectl-x/v1.36 (linux)', 'kubectl-x'],
      [undefined, 'unknown'],
      ['a\u00a0b\u0007/1', 'ab'],
      ['x'.repeat(200), 'x'.repeat(128)],
    ]
    for (const [agent, manager] of agents) {
      const headers: Record<string, string> = agent === undefined ? {} : { 'user-agent': agent }
      const answer = await server.send('POST', `${NS}/configmaps`, configMap(newName(), { k: 'v' }), headers)
      assert.deepEqual(namesOf(answer), [`${manager}/Update`])
    }
  })

  it('status and scale have entries of their own; what an endpoint does not write is not owned', async () => {
    const name = newName()
    const body = { ...deployment(name, { replicas: 1 }), status: { replicas: 7 } }
    await server.send('POST', `${DEPLOYMENTS}?fieldManager=me`, body)
    const path = `${DEPLOYMENTS}/${name}`
    const status = { spec: { replicas: 9 }, status: { replicas: 1 } }
    await server.send('PATCH', `${path}/status?fieldManager=ctl`, status, MERGE)
    await server.send('PATCH', `${path}/scale?fieldManager=hpa`, { spec: { replicas: 4 } }, MERGE)
    const read = await server.send('GET', path)
    assert.deepEqual(namesOf(read).sort(), ['ctl/Update/status', 'hpa/Update/scale', 'me/Update'])
    assert.deepEqual(fieldsOf(read, 'ctl'), { 'f:status': { 'f:replicas': {} } })
    assert.deepEqual(fieldsOf(read, 'hpa'), { 'f:spec': { 'f:replicas': {} } })
    const times = read.json.metadata.managedFields.map((each: { manager: string; time?: string }) => [
      each.manager,
      each.time !== undefined,
    ])
    assert.deepEqual(Object.fromEntries(times), { ctl: true, hpa: false, me: true })
    assert.equal(times[0][0], 'hpa')
    const mine = fieldsOf(read, 'me') as Record<string, Record<string, object>>
    assert.deepEqual(Object.keys(mine), ['f:spec'])
    assert.deepEqual(Object.keys(mine['f:spec']!), [
      'f:progressDeadlineSeconds',
      'f:revisionHistoryLimit',
      'f:selector',
      'f:strategy',
      'f:template',
    ])
  })

  it('a write that changes nothing leaves the object as it is', async () => {
    const path = `${NS}/configmaps/${newName()}`
    const first = await apply(path, configMap(path.split('/').at(-1)!, { k: 'v' }))
    assert.equal(first.status, 201)
    const again = await apply(path, configMap(path.split('/').at(-1)!, { k: 'v' }))
    assert.equal(again.status, 200)
    assert.deepEqual(again.json, first.json)
    const put = await server.send('PUT', `${path}?fieldManager=bob`, first.json)
    assert.deepEqual(put.json, first.json)
  })

  it('owners stay as they are where an update says nothing of them', async () => {
    const name = newName()
    const path = `${NS}/configmaps/${name}`
    await apply(path, configMap(name, { k: 'v' }))
    const { managedFields: _, ...metadata } = (await server.send('GET', path)).json.metadata
    const body = { ...configMap(name, { k: 'v', mine: 'x' }), metadata }
    const put = await server.send('PUT', `${path}?fieldManager=bob`, body)
    assert.deepEqual(namesOf(put), ['alice/Apply', 'bob/Update'])
    assert.deepEqual(fieldsOf(put, 'alice'), { 'f:data': { 'f:k': {} } })
    assert.deepEqual(fieldsOf(put, 'bob'), { 'f:data': { 'f:mine': {} } })
  })

  it('an empty list of owners forgets them; bad ones are refused or ignored', async () => {
    const name = newName()
    const path = `${NS}/configmaps/${name}`
    await apply(path, configMap(name, { k: 'v' }))
    const patch = (managedFields: unknown): Promise<Answer> =>
      server.send('PATCH', path, { metadata: { managedFields } }, MERGE)
    const kept = await patch([
      { manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { nonsense: {} } },
    ])
    assert.deepEqual(namesOf(kept), ['alice/Apply'])
    assert.deepEqual(namesOf(await patch([{}])), [])
    const again = { ...configMap(name, { k: 'v' }), metadata: { name, managedFields: [] } }
    await server.send('PUT', path, again)
    assert.deepEqual(ownersOf(await server.send('GET', path)), [], 'nobody was tracked')
    const error = await apply(path, configMap(name, { k: 'w' }))
    assert.equal(error.status, 409)
    assert.match(error.json.message, /conflict with "before-first-apply" using v1: \.data\.k$/)
  })
})

describe('an empty list of owners forgets them', () => {
  const rows: [string, (path: string, body: object) => Promise<Answer>][] = [
    ['in a PUT of JSON', (path, body) => server.send('PUT', path, body)],
    [
      'in a PUT of YAML',
      (path, body) =>
        server.send('PUT', path, Buffer.from(`# managedFields\n${JSON.stringify(body)}`), {
          'content-type': 'application/yaml',
        }),
    ],
    ['in a merge patch', (path, body) => server.send('PATCH', path, body, MERGE)],
  ]
  for (const [name, send] of rows) {
    it(name, async () => {
      const own = newName()
      const path = `${NS}/configmaps/${own}`
      assert.deepEqual(namesOf(await apply(path, configMap(own, { k: 'v' }))), ['alice/Apply'])
      const metadata = { name: own, managedFields: [], labels: { a: 'b' } }
      const { status, json } = await send(path, { ...configMap(own, { k: 'v' }), metadata })
      assert.deepEqual([status, json.metadata.managedFields, json.metadata.labels], [200, undefined, { a: 'b' }])
    })
  }
})

describe('objects with very many fields', () => {
  const many = Object.fromEntries(Array.from({ length: 9999 }, (_, n) => [`${'long-'.repeat(15)}${n}`, 'A']))
  const entries: [string, (path: string, name: string) => Promise<Answer>][] = [
    ['created', (_, name) => server.send('POST', `${NS}/configmaps`, configMap(name, many))],
    ['put', (path, name) => server.send('PUT', path, configMap(name, many))],
    ['patched', path => server.send('PATCH', path, { data: many }, MERGE)],
  ]
  for (const [name, write] of entries) {
    it(`are stored without owners where they are too large with them, and nobody can apply to them: ${name}`, async () => {
      const own = newName()
      const path = `${NS}/configmaps/${own}`
      if (name !== 'created') await server.send('POST', `${NS}/configmaps`, configMap(own, { k: 'v' }))
      const { json } = await write(path, own)
      assert.deepEqual([json.metadata?.managedFields, Object.keys(json.data ?? {}).length >= 9999], [undefined, true])
      const applied = await apply(path, configMap(own, {}))
      assert.deepEqual([applied.status, applied.json.message], [500, 'etcdserver: request is too large'])
    })
  }

  it('are refused where they are too large without owners, as JSON of custom kinds or as protobuf of others', async () => {
    const send = (value: string): Promise<Answer> =>
      server.send('POST', `${NS}/configmaps`, { metadata: { name: newName() }, binaryData: { a: value } })
    assert.equal((await send(Buffer.alloc(1_000_000).toString('base64'))).status, 201)
    const annotations = { big: 'x'.repeat(200_000) }
    const status = { conditions: [{ type: 'A', status: 'True', message: '"'.repeat(1_000_000) }] }
    const node = (message: string): object => ({
      metadata: { name: newName(), annotations },
      status: { ...status, conditions: [{ ...status.conditions[0], message }] },
    })
    const quotes = await server.send('POST', '/api/v1/nodes', node('"'.repeat(1_000_000)))
    assert.equal(quotes.status, 201, 'two bytes for each in JSON, one in protobuf')
    const large = await server.send('POST', '/api/v1/nodes', node('x'.repeat(1_600_000)))
    assert.deepEqual([large.status, large.json.message], [500, 'etcdserver: request is too large'])
    const larger = await server.send('POST', '/api/v1/nodes', node('x'.repeat(2_200_000)))
    assert.match(larger.json.message, /^rpc error: .* trying to send message larger than max \(24\d{5} vs\. 2097152\)$/)
  })
})

describe('owners of metadata that /status leaves alone', () => {
  const schema = (name: string): object => ({
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    metadata: { name },
    spec: { priorityLevelConfiguration: { name: 'exempt' } },
  })
  const rows: [string, string, (name: string) => object, unknown][] = [
    ['flow schemas', '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas', schema, undefined],
    ['deployments', DEPLOYMENTS, deployment, { 'f:metadata': { 'f:annotations': { 'f:x': {} } } }],
    ['daemon sets', `/apis/apps/v1/namespaces/default/daemonsets`, daemonSet, OWN_BOTH],
  ]
  for (const [name, collection, make, expected] of rows) {
    it(`do not exist: ${name}`, async () => {
      const own = newName()
      assert.equal((await server.send('POST', collection, make(own))).status, 201)
      const { kind, apiVersion } = make(own) as { kind: string; apiVersion: string }
      const metadata = { name: own, labels: { x: 'y' }, annotations: { x: 'y' } }
      const path = `${collection}/${own}/status`
      const answer = await apply(path, { kind, apiVersion, metadata }, 'fieldManager=bob')
      assert.deepEqual([answer.status, fieldsOf(answer, 'bob')], [200, expected])
    })
  }

  it('daemon sets count their templates, which belongs to who creates them', async () => {
    const own = newName()
    const path = '/apis/apps/v1/namespaces/default/daemonsets?fieldManager=me'
    const { 'f:metadata': metadata } = fieldsOf(await server.send('POST', path, daemonSet(own)), 'me') as {
      'f:metadata': unknown
    }
    assert.deepEqual(metadata, { 'f:annotations': { '.': {}, 'f:deprecated.daemonset.template.generation': {} } })
  })
})

describe('apply', () => {
  it('merges lists by their keys, with defaults for keys that are left out', async () => {
    const name = newName()
    const path = `${DEPLOYMENTS}/${name}`
    const first = await apply(path, deployment(name))
    assert.equal(first.status, 201)
    const second = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        template: {
          spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, protocol: 'TCP', name: 'http' }] }] },
        },
      },
    }
    const both = await apply(path, second, 'fieldManager=bob')
    const [container] = both.json.spec.template.spec.containers
    assert.deepEqual(container.ports, [{ containerPort: 80, protocol: 'TCP', name: 'http' }])
    assert.equal(container.image, 'i')
    assert.equal(both.json.metadata.generation, 2)
    const without = await apply(
      path,
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name } },
      'fieldManager=bob',
    )
    assert.deepEqual(without.json.spec.template.spec.containers[0].ports, [{ containerPort: 80, protocol: 'TCP' }])
    assert.deepEqual(namesOf(without), ['alice/Apply'])
  })

  it('names conflicts and takes fields by force', async () => {
    const name = newName()
    const path = `${DEPLOYMENTS}/${name}`
    await apply(path, deployment(name, { replicas: 1 }))
    await server.send('PATCH', `${path}/scale?fieldManager=hpa`, { spec: { replicas: 4 } }, MERGE)
    const refused = await apply(path, deployment(name, { replicas: 2 }))
    assert.equal(refused.status, 409)
    assert.equal(
      refused.json.message,
      'Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using apps/v1: .spec.replicas',
    )
    assert.equal(refused.json.reason, 'Conflict')
    assert.deepEqual(refused.json.details.causes, [
      {
        reason: 'FieldManagerConflict',
        message: 'conflict with "hpa" with subresource "scale" using apps/v1',
        field: '.spec.replicas',
      },
    ])
    const forced = await apply(path, deployment(name, { replicas: 2 }), 'fieldManager=alice&force=true')
    assert.equal(forced.json.spec.replicas, 2)
    assert.deepEqual(namesOf(forced), ['alice/Apply'])
  })

  it('applies to status and scale', async () => {
    const name = newName()
    const path = `${DEPLOYMENTS}/${name}`
    await apply(path, deployment(name))
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name }, spec: { replicas: 5 } }
    const scaled = await apply(`${path}/scale`, scale, 'fieldManager=hpa&force=true')
    assert.equal(scaled.json.spec.replicas, 5)
    const status = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, status: { replicas: 3 } }
    const answer = await apply(`${path}/status`, status, 'fieldManager=ctl')
    assert.equal(answer.json.status.replicas, 3)
    assert.deepEqual(namesOf(answer).sort(), ['alice/Apply', 'ctl/Apply/status', 'hpa/Apply/scale'])
    assert.equal((await apply(`${path}-no/status`, status, 'fieldManager=ctl')).status, 404)
  })

  it('through a scale one owns the number as in a Scale', async () => {
    const name = newName()
    const path = `${DEPLOYMENTS}/${name}`
    await server.send('POST', `${DEPLOYMENTS}?fieldManager=me`, deployment(name, { replicas: 2 }))
    const scale = (spec: object): object => ({ apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name }, spec })
    const conflict = await apply(`${path}/scale`, scale({ replicas: 5 }), 'fieldManager=hpa')
    assert.equal(
      conflict.json.message,
      'Apply failed with 1 conflict: conflict with "me" using autoscaling/v1: .spec.replicas',
    )
    assert.equal((await apply(`${path}/scale`, scale({ replicas: 2 }), 'fieldManager=hpa')).status, 200)
    // Who owned the number as one field of many owns it by itself from then on, in no time that anybody knows.
    const { json } = await server.send('GET', path)
    const numbers = json.metadata.managedFields.filter(
      (each: { fieldsV1: { 'f:spec': object } }) => 'f:replicas' in each.fieldsV1['f:spec'],
    )
    assert.deepEqual(
      numbers.map(({ manager, operation, subresource, time }: Record<string, string>) => [
        ...[manager, operation, subresource, time],
      ]),
      [
        ['hpa', 'Apply', 'scale', undefined],
        ['me', 'Update', undefined, undefined],
      ],
    )
    assert.equal((await apply(`${path}/scale`, scale({}), 'fieldManager=hpa')).status, 200)
    const unknown = await apply(`${path}/scale`, scale({ x: 1 }), 'fieldManager=hpa')
    assert.equal(unknown.status, 500)
    assert.match(unknown.json.message, /Kind=Scale\): .spec.x: field not declared in schema$/)
  })

  it('versions of one kind know each other', async () => {
    const name = newName()
    const [v1, v2] = ['v1', 'v2'].map(
      version => `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`,
    )
    const scaler = (version: string, spec: object): object => ({
      apiVersion: `autoscaling/${version}`,
      kind: 'HorizontalPodAutoscaler',
      metadata: { name },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' }, ...spec },
    })
    await apply(`${v1}/${name}`, scaler('v1', { minReplicas: 1, maxReplicas: 3, targetCPUUtilizationPercentage: 50 }))
    const refused = await apply(`${v2}/${name}`, scaler('v2', { maxReplicas: 4 }), 'fieldManager=bob')
    assert.equal(refused.json.message, 'Apply failed with 1 conflict: conflict with "alice": .spec.maxReplicas')
    // The same manager in another version: what it does not apply any more goes.
    const moved = await apply(`${v2}/${name}`, scaler('v2', { maxReplicas: 4, metrics: [] }))
    assert.deepEqual(
      ownersOf(moved).map(each => each.apiVersion),
      ['autoscaling/v2'],
    )
    assert.equal(moved.json.spec.maxReplicas, 4)
    assert.equal(moved.json.spec.minReplicas, 1)
    // Pruned of its metadata, the object still converts.
    const labelled = { ...scaler('v2', { maxReplicas: 4 }), metadata: { name, labels: { a: 'b' } } }
    assert.equal((await apply(`${v2}/${name}`, labelled)).status, 200)
    const back = await apply(`${v1}/${name}`, scaler('v1', { maxReplicas: 5 }))
    assert.equal(back.status, 200, back.json.message)
    assert.equal(back.json.metadata.labels, undefined)
  })

  it('reads YAML, and stores nothing in a dry run', async () => {
    const name = newName()
    const path = `${NS}/configmaps/${name}`
    const yaml = `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  k: v # comment\n`
    assert.equal((await apply(path, yaml, 'fieldManager=alice&dryRun=All')).status, 201)
    assert.equal((await server.send('GET', path)).status, 404)
    assert.equal((await apply(path, yaml)).json.data.k, 'v')
  })

  it('says what is wrong', async () => {
    const name = newName()
    const path = `${NS}/configmaps/${name}`
    const good = configMap(name, { k: 'v' })
    const cases: [config: unknown, query: string, status: number, message: string | RegExp][] = [
      [
        good,
        '',
        422,
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      ],
      [{ ...good, kind: 'Pod' }, 'fieldManager=a', 400, 'invalid object type: /v1, Kind=Pod'],
      ['a: [', 'fieldManager=a', 400, /^error decoding YAML: /],
      ['[]', 'fieldManager=a', 400, /^error decoding YAML: /],
      [
        { ...good, nope: 1 },
        'fieldManager=a',
        500,
        `failed to create typed patch object (/${name}; /v1, Kind=ConfigMap): .nope: field not declared in schema`,
      ],
      [{ ...good, metadata: { name, managedFields: [] } }, 'fieldManager=a', 400, 'metadata.managedFields must be nil'],
      [
        { ...good, metadata: { name, uid: 'u' } },
        'fieldManager=a',
        409,
        `Operation cannot be fulfilled on configmaps "${name}": uid mismatch: the provided object specified uid u, and no existing object was found`,
      ],
      [
        { ...good, metadata: { uid: 'u', resourceVersion: '7' } },
        'fieldManager=a',
        409,
        `Operation cannot be fulfilled on configmaps "${name}": uid mismatch: the provided object specified uid u, and no existing object was found`,
      ],
      [
        configMap('other', {}),
        'fieldManager=a',
        400,
        `the name of the object (other) does not match the name on the URL (${name})`,
      ],
    ]
    for (const [config, query, status, message] of cases) {
      const answer = await apply(path, config, query)
      assert.equal(answer.status, status, answer.text)
      if (typeof message === 'string') assert.equal(answer.json.message, message)
      else assert.match(answer.json.message, message)
    }
    const force = await server.send('PATCH', `${path}?force=true`, {}, MERGE)
    assert.equal(
      force.json.message,
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    )
  })

  it('survives whatever it is given', async () => {
    const name = newName()
    const path = `${DEPLOYMENTS}/${name}`
    await apply(path, deployment(name))
    const leaf = fc.oneof(
      fc.constant(null),
      fc.integer(),
      fc.string({ maxLength: 3 }),
      fc.constant({}),
      fc.constant([]),
    )
    const key = fc.constantFrom(
      'spec',
      'template',
      'containers',
      'ports',
      'metadata',
      'labels',
      'status',
      '__proto__',
      'name',
    )
    const value = fc.letrec(tie => ({
      any: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('any'), { maxLength: 2 }), fc.dictionary(key, tie('any'))),
    })).any
    await fc.assert(
      fc.asyncProperty(fc.dictionary(key, value), value, async (extra, managedFields) => {
        const answer = await apply(path, { ...deployment(name), ...extra }, 'fieldManager=fuzz&force=true')
        assert.ok(answer.status < 500 || /^failed to create typed/.test(answer.json.message), answer.text)
        const patched = await server.send('PATCH', path, { metadata: { managedFields: [managedFields] } }, MERGE)
        assert.ok(patched.status < 500, patched.text)
      }),
      { numRuns: 150 },
    )
  })
})

describe('owners that a new object names', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
  })
  after(() => server.stop())

  const good = {
    manager: 'x',
    operation: 'Update',
    apiVersion: 'v1',
    time: '2020-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:data': { 'f:other': {} } },
  }
  const rows: readonly [title: string, entry: object][] = [
    ['empty', {}],
    ['an unknown operation', { ...good, operation: 'Foo' }],
    ['no version', { ...good, apiVersion: '' }],
    ['another type of fields', { ...good, fieldsType: 'FieldsV2' }],
    ['fields that are none', { ...good, fieldsV1: { a: {} } }],
  ]
  for (const [title, entry] of rows) {
    it(`are as if it named none where nobody can read them: ${title}`, async () => {
      const object = { metadata: { generateName: 'a-', managedFields: [entry] }, data: { k: 'v' } }
      const { status, json } = await server.send('POST', '/api/v1/namespaces/default/configmaps', object)
      assert.equal(status, 201)
      const owners = json.metadata.managedFields as readonly { fieldsV1: unknown }[]
      assert.deepEqual(
        owners.map(each => each.fieldsV1),
        [{ 'f:data': { '.': {}, 'f:k': {} }, 'f:metadata': { 'f:generateName': {} } }],
      )
    })
  }
})
