import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CriError } from './error.ts'
import { MESSAGES, METHODS } from './messages.ts'
import { decode, encode, type MethodName } from './wire.ts'

test('a message comes back as it was sent, with defaults for what was left out', () => {
  const bytes = encode('PodSandboxConfig', {
    metadata: { name: 'web', uid: 'u1', namespace: 'default' },
    labels: { app: 'web' },
    portMappings: [{ protocol: 'UDP', containerPort: 53, hostPort: 5353 }],
    linux: { securityContext: { namespaceOptions: { network: 'NODE' }, runAsUser: { value: 0 } } },
  })
  const config = decode('PodSandboxConfig', bytes)
  assert.deepEqual(config.metadata, { name: 'web', uid: 'u1', namespace: 'default', attempt: 0 })
  assert.deepEqual(config.labels, { app: 'web' })
  assert.deepEqual(config.portMappings, [{ protocol: 'UDP', containerPort: 53, hostPort: 5353, hostIp: '' }])
  assert.equal(config.linux?.securityContext?.namespaceOptions?.network, 'NODE')
  assert.equal(config.linux?.securityContext?.runAsUser?.value, 0)
  assert.equal(config.linux?.securityContext?.runAsGroup, undefined)
  assert.equal(config.dnsConfig, undefined)
})

test('fields have the numbers of api.proto', () => {
  // PodSandboxMetadata{name="a", attempt=3}: field 1 text "a", field 4 varint 3
  assert.deepEqual([...encode('PodSandboxMetadata', { name: 'a', attempt: 3 })], [0x0a, 1, 0x61, 0x20, 3])
  // LinuxContainerResources{cpu_quota=-1}: a negative int64 is ten bytes
  const quota = encode('LinuxContainerResources', { cpuQuota: -1 })
  assert.deepEqual([...quota], [0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])
  assert.equal(decode('LinuxContainerResources', quota).cpuQuota, -1)
})

test('every call has a request and a response, and no field number is used twice', () => {
  for (const name of Object.keys(METHODS) as MethodName[]) {
    assert.ok(`${name}Request` in MESSAGES, name)
    assert.ok(`${name}Response` in MESSAGES, name)
  }
  for (const [name, fields] of Object.entries<Record<string, readonly [number, string]>>(MESSAGES)) {
    const numbers = Object.values(fields).map(([number]) => number)
    assert.equal(new Set(numbers).size, numbers.length, name)
  }
})

test('errors print as Go prints them', () => {
  assert.equal(
    new CriError('PullImage', 'NOT_FOUND', 'no such image').goText,
    'rpc error: code = NotFound desc = no such image',
  )
  assert.equal(
    new CriError('ExecSync', 'DEADLINE_EXCEEDED', 'late').goText,
    'rpc error: code = DeadlineExceeded desc = late',
  )
})
