import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { collectDescriptions } from './descriptions.ts'
import { parseFacts, renderTypes } from './emit-types.ts'
import { emptyGoPackage, parseGoFile } from './parse-go.ts'
import { parseProto } from './parse-proto.ts'

const GO = `package v1

// +enum
type Mode string

const (
	// ModeA is one.
	ModeA Mode = "A"
	ModeB Mode = "B"
	ModeC = Mode(v1.Other)
)

// +structType=atomic
type Thing struct {
	metav1.TypeMeta \`json:",inline"\`
	// What it holds.
	// +optional
	// +listType=map
	// +listMapKey=name
	Items []Item \`json:"items,omitempty" patchStrategy:"merge" patchMergeKey:"name" protobuf:"bytes,2,rep,name=items"\`

	Mode *Mode \`json:"mode" protobuf:"bytes,3,opt,name=mode,casttype=Mode"\`
}
`

test('Go declarations: fields with tags and markers, enums, constants', () => {
  const found = emptyGoPackage()
  parseGoFile(GO, found)
  assert.deepEqual([...found.enums], ['Mode'])
  assert.deepEqual(found.typedConstants.get('Mode'), ['A', 'B'])
  assert.deepEqual(found.borrowedConstants.get('Mode'), ['Other'])
  const thing = found.structs.get('Thing')!
  assert.deepEqual([...thing.markers], [['structType', ['atomic']]])
  assert.deepEqual(
    thing.fields.map(field => [field.name, field.embedded, field.type]),
    [
      ['TypeMeta', true, 'metav1.TypeMeta'],
      ['Items', false, '[]Item'],
      ['Mode', false, '*Mode'],
    ],
  )
  const items = thing.fields[1]!
  assert.deepEqual([items.tags.get('json'), items.tags.get('patchMergeKey')], ['items,omitempty', 'name'])
  assert.deepEqual(items.markers.get('listMapKey'), ['name'])
})

test('proto messages: single, repeated and map fields in order', () => {
  const file = parseProto(`package k8s.io.api.t.v1;
message Thing {
  // with a comment; repeated string not = 9;
  map<string, k8s.io.x.Y> limits = 3;
  optional string name = 1;
  repeated .k8s.io.api.core.v1.Pod pods = 2;
}`)
  assert.equal(file.package, 'k8s.io.api.t.v1')
  assert.deepEqual(file.messages[0]!.fields, [
    { number: 1, name: 'name', type: 'string', label: 'single' },
    { number: 2, name: 'pods', type: '.k8s.io.api.core.v1.Pod', label: 'repeated' },
    { number: 3, name: 'limits', type: 'k8s.io.x.Y', label: 'map' },
  ])
})

test('types: lists and maps are optional, inlined structs are extended', () => {
  const files = renderTypes(
    parseFacts('t.v1.A\n 1 name string r\n 2 list [t.v1.B o\n 3 b t.v1.B ir\nt.v1.B\n 1 x int32 po\n'),
  )
  assert.match(files.get('t.v1')!, /export interface A extends B \{\n {2}name: string\n {2}list\?: B\[\]\n\}/)
  assert.match(files.get('t.v1')!, /export interface B \{\n {2}x\?: number\n\}/)
})

test('descriptions are found for kinds, fields and the types that carry them', context => {
  const source = fileURLToPath(new URL('../../node_modules/kubernetes-models', import.meta.url))
  if (!existsSync(source)) return context.skip('skipped: the npm package kubernetes-models is not installed')
  const found = collectDescriptions()
  assert.match(found['core.v1.PodSpec']!.containers!, /containers/)
  assert.match(found['core.v1.Pod']!['']!, /Pod/)
  assert.ok(found['core.v1.Pod']!.apiVersion && found['am.apis.meta.v1.ObjectMeta']!.name)
  assert.match(found['core.v1.Pod']!.apiVersion!, /^APIVersion defines the versioned schema/)
  assert.match(
    found['am.apis.meta.v1.ListOptions']!.fieldSelector!,
    /the list of returned objects by their fields\. .*\.$/,
  )
  assert.match(found['am.apis.meta.v1.ListOptions']!.continue!, /the "next key"\./)
  assert.match(found['core.v1.EndpointsList']!['']!, /deprecated in v1\.33\+\.$/)
  const texts = Object.values(found).flatMap(Object.keys).length
  assert.ok(texts > 3000, `${texts} descriptions`)
})
