import assert from 'node:assert/strict'
import { it } from 'node:test'
import { fieldErrorText, type KubeObject } from '@canopus/apimachinery'
import { resize } from './core/pod/subresources.ts'
import { builtInKinds } from './index.ts'

const container = { name: 'c', image: 'i', terminationMessagePolicy: 'File', imagePullPolicy: 'Always' }
const spec = (init: object): object => ({
  restartPolicy: 'Always',
  dnsPolicy: 'ClusterFirst',
  terminationGracePeriodSeconds: 30,
  containers: [container],
  initContainers: [{ ...container, name: 'i', ...init }],
})
const policy = (restartPolicy: string): object => ({ resizePolicy: [{ resourceName: 'cpu', restartPolicy }] })
const AT = 'initContainers[0].resizePolicy[0].restartPolicy'
const TEXT = `must not be set to 'RestartContainer' for non-sidecar initContainers`

const template = (init: object): object => ({
  spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: spec(init) } },
})
const kinds: readonly [string, string, (init: object) => object][] = [
  ['/pods', 'spec', init => ({ spec: spec(init) })],
  ['apps/deployments', 'spec.template.spec', template],
  ['/podtemplates', 'template.spec', init => ({ template: { spec: spec(init) } })],
]
for (const [address, path, make] of kinds) {
  const { strategy } = builtInKinds.find(({ type }) => `${type.group}/${type.plural}` === address)!
  const object = (init: object): KubeObject =>
    ({ metadata: { name: 'a', namespace: 'b', resourceVersion: '1' }, ...make(init) }) as unknown as KubeObject
  const about = (errors: readonly string[]): string[] => errors.filter(each => each.includes(AT))
  const wanted = [`${path}.${AT}: Invalid value: "RestartContainer": ${TEXT}`]

  it(`${address}: init containers that end are not to be restarted for a resize`, () => {
    const created = (init: object): string[] => about(strategy.validate!(object(init)).map(fieldErrorText))
    assert.deepEqual(created(policy('RestartContainer')), wanted)
    assert.deepEqual(created(policy('NotRequired')), [])
    assert.deepEqual(created({ ...policy('RestartContainer'), restartPolicy: 'Always' }), [])
  })

  it(`${address}: what has said so may go on`, () => {
    const updated = (init: object, old: object): string[] =>
      about(strategy.validateUpdate!(object(init), object(old)).map(fieldErrorText))
    assert.deepEqual(updated(policy('RestartContainer'), policy('RestartContainer')), [])
    assert.deepEqual(updated(policy('RestartContainer'), {}), wanted)
  })
}

it('and cannot be resized', () => {
  const sized = (cpu: string): never => {
    const resources = { requests: { cpu } }
    return {
      metadata: { name: 'a', namespace: 'b' },
      spec: spec({ ...policy('RestartContainer'), resources }),
    } as never
  }
  const text = 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized'
  assert.deepEqual(resize.validateUpdate!(sized('2'), sized('1')).map(fieldErrorText), [
    `spec.initContainers[0]: Forbidden: ${text}`,
  ])
  assert.deepEqual(resize.validateUpdate!(sized('1'), sized('1')), [])
})
