import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { decodeObject, decodeProtobuf, encodeProtobuf, fieldOf, type Schema } from '@canopus/apimachinery'
import { allResourceTypes } from './resources.ts'
import { messageNameOf, schemaOfKind, schemas } from './schemas.ts'
import { testData } from './testing/test-data.ts'

test('the table holds together: types exist, numbers and names are unique', () => {
  let fields = 0
  for (const name of schemas.names()) {
    const schema = schemas.typeOf(name)
    if (schema.type !== 'struct') continue
    const numbers = schema.members.map(member => member.number)
    assert.equal(new Set(numbers).size, numbers.length, name)
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      name,
    )
    fields += schema.fields.size
  }
  assert.ok(schemas.names().length > 600 && fields > 2300, `${schemas.names().length} messages, ${fields} fields`)
})

test('every kind that is served, and its list, has a schema', () => {
  for (const type of allResourceTypes) {
    assert.notEqual(schemaOfKind(type), undefined, type.kind)
    if (type.verbs.includes('list'))
      assert.notEqual(schemaOfKind({ ...type, kind: type.listKind }), undefined, type.listKind)
    for (const { type: other } of Object.values(type.subresources))
      if (other) assert.notEqual(messageNameOf(other), undefined, other.kind)
  }
})

test('kinds are told apart by their whole group', () => {
  const cases: readonly [string, string, string, string | undefined][] = [
    ['', 'v1', 'Pod', 'core.v1.Pod'],
    ['rbac.authorization.k8s.io', 'v1', 'Role', 'rbac.v1.Role'],
    ['apps.example.com', 'v1', 'Deployment', undefined],
    ['apps', 'v1beta1', 'Deployment', undefined],
    ['', 'v1', 'Status', 'am.apis.meta.v1.Status'],
    ['meta.k8s.io', 'v1', 'PartialObjectMetadata', 'am.apis.meta.v1.PartialObjectMetadata'],
    ['example.com', 'v1', 'Status', undefined],
    ['example.com', 'v1', 'DeleteOptions', 'am.apis.meta.v1.DeleteOptions'],
    ['constructor', 'v1', 'Pod', undefined],
  ]
  for (const [group, version, kind, message] of cases)
    assert.equal(messageNameOf({ group, version, kind }), message, `${group}/${version} ${kind}`)
})

test('merge metadata is found by way of fieldOf', () => {
  const at = (...names: string[]): ReturnType<typeof fieldOf> => {
    let schema: Schema = schemas.schemaOf('apps.v1.Deployment')
    let field: ReturnType<typeof fieldOf>
    for (const name of names) {
      field = fieldOf(schema, name)
      assert.ok(field, name)
      schema = field.schema.type === 'list' ? field.schema.items : field.schema
    }
    return field
  }
  const containers = at('spec', 'template', 'spec', 'containers')
  assert.deepEqual([containers?.patchStrategy, containers?.mergeKey], [['merge'], 'name'])
  const volumes = at('spec', 'template', 'spec', 'volumes')
  assert.deepEqual([volumes?.patchStrategy, volumes?.mergeKey], [['merge', 'retainKeys'], 'name'])
  const ports = at('spec', 'template', 'spec', 'containers', 'ports')
  assert.deepEqual(ports?.schema.type === 'list' && ports.schema.mapKeys, ['containerPort', 'protocol'])
  assert.equal(ports?.mergeKey, 'containerPort')
  assert.deepEqual(at('spec', 'strategy')?.patchStrategy, ['retainKeys'])
  const label = at('metadata', 'labels', 'anything')
  assert.deepEqual([label?.schema.type, label?.patchStrategy], ['string', []])
  assert.equal(at('spec', 'selector')?.atomic, true)
  assert.equal(fieldOf(schemas.schemaOf('core.v1.Pod'), 'nothing'), undefined)
})

test('what the sources say of a field is found again', () => {
  const port = schemas.schemaOf('core.v1.ContainerPort').fields.get('protocol')
  assert.deepEqual(port?.schema, { type: 'string', goType: 'v1.Protocol', enum: ['SCTP', 'TCP', 'UDP'] })
  assert.equal(port?.default, 'TCP')
  assert.equal(schemas.schemaOf('core.v1.Volume').fields.get('hostPath')?.schema.goType, 'v1.HostPathVolumeSource')
  assert.equal(schemas.schemaOf('core.v1.ResourceRequirements').fields.get('limits')?.schema.goType, 'v1.ResourceList')
  assert.equal(schemas.schemaOf('core.v1.PersistentVolumeSpec').fields.get('claimRef')?.atomic, false)
})

/** What is left of a fixture of an older release where this one no longer has all of its fields. */
const AFTER = '.after_roundtrip'

for (const release of ['HEAD', 'v1.35.0', 'v1.34.0', 'v1.33.0']) {
  const fixtures = testData(`api-fixtures/testdata/${release}`)

  test(`fixtures of ${release}: protobuf byte for byte both ways, JSON unchanged`, context => {
    if (fixtures === undefined) return context.skip(`skipped: api-fixtures/testdata/${release} is not there`)
    const files = new Set(readdirSync(fixtures))
    let compared = 0
    for (const file of files) {
      const [, folder, version, kind] = /^(.*)\.([^.]+)\.([^.]+)\.pb$/.exec(file) ?? []
      if (folder === undefined || file.includes(AFTER)) continue
      const name = messageNameOf({ group: folder === 'core' ? '' : folder, version: version!, kind: kind! })
      if (name === undefined || /alpha|beta/.test(version!)) continue
      const schema = schemas.schemaOf(name)
      const before = (form: string): Buffer => readFileSync(`${fixtures}/${folder}.${version}.${kind}.${form}`)
      const after = (form: string): Buffer => {
        const changed = `${folder}.${version}.${kind}${AFTER}.${form}`
        return files.has(changed) ? readFileSync(`${fixtures}/${changed}`) : before(form)
      }
      const json = JSON.parse(after('json').toString()) as Record<string, unknown>
      assert.deepEqual(Buffer.from(encodeProtobuf(schema, json)), after('pb'), `encode ${file}`)
      assert.deepEqual(decodeProtobuf(schema, before('pb')), json, `decode ${file}`)
      const decoded = decodeObject(schema, before('json'))
      assert.deepEqual(decoded.object, json, `JSON ${file}`)
      if (!files.has(`${folder}.${version}.${kind}${AFTER}.json`)) assert.deepEqual(decoded.strictErrors, [], file)
      compared++
    }
    assert.ok(compared >= (release === 'HEAD' ? 90 : 80), `only ${compared} fixtures compared`)
  })
}
