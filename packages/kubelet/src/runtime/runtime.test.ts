import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Container } from '@canopus/api/core/v1'
import { deferred, silentLogger } from '@canopus/base'
import type { Cri } from '@canopus/cri'
import { ContainerConfigError } from '../env/environment.ts'
import { buildContainer, buildPod, buildRuntime, buildSandbox } from '../testing/builders.ts'
import { cgroupPath, createCgroups } from './cgroups.ts'
import { containerConfig } from './container-config.ts'
import { deadContainers, deadSandboxes } from './garbage.ts'
import { containerHash } from './hash.ts'
import { podResources } from './resources.ts'
import { sandboxConfig } from './sandbox-config.ts'
import { containerSecurity, type ImageUser, namespaceOptions, verifyRunAsNonRoot } from './security.ts'
import { RuntimeView } from './view.ts'

const base = mkdtempSync(join(tmpdir(), 'cgroups-'))
after(() => rmSync(base, { recursive: true }))

test('cgroups: paths of both drivers', () => {
  const uid = '1-2-3'
  assert.equal(cgroupPath({ driver: 'cgroupfs' }, 'Burstable', uid), '/kubepods/burstable/pod1-2-3')
  assert.equal(cgroupPath({ driver: 'cgroupfs', prefix: '/n1' }, 'Guaranteed', uid), '/n1/kubepods/pod1-2-3')
  assert.equal(
    cgroupPath({ driver: 'systemd' }, 'BestEffort', uid),
    '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2_3.slice',
  )
  const pod = buildPod({}, { uid })
  assert.equal(
    createCgroups({ driver: 'systemd', mount: base, logger: silentLogger }).parentOf(pod),
    'kubepods-besteffort-pod1_2_3.slice',
  )
})

test('cgroups: made in every hierarchy with their limits', () => {
  for (const name of ['cpu', 'memory']) mkdirSync(join(base, 'v1', name), { recursive: true })
  const cgroups = createCgroups({ driver: 'cgroupfs', mount: join(base, 'v1'), logger: silentLogger })
  const limits = { cpu: '500m', memory: '64Mi' }
  cgroups.create(buildPod({ containers: [{ name: 'main', resources: { limits } }] }, { uid: 'g1' }))
  cgroups.create(buildPod({}, { uid: 'b1' }))
  assert.equal(readFileSync(join(base, 'v1/cpu/kubepods/podg1/cpu.shares'), 'utf8'), '512')
  assert.equal(readFileSync(join(base, 'v1/cpu/kubepods/podg1/cpu.cfs_quota_us'), 'utf8'), '50000')
  assert.equal(readFileSync(join(base, 'v1/memory/kubepods/podg1/memory.limit_in_bytes'), 'utf8'), String(64 * 2 ** 20))
  assert.ok(existsSync(join(base, 'v1/memory/kubepods/besteffort/podb1')))
  assert.ok(!existsSync(join(base, 'v1/memory/kubepods/besteffort/podb1/memory.limit_in_bytes')))
  assert.deepEqual(cgroups.pods().sort(), ['b1', 'g1'])
  assert.equal(cgroups.directory('b1', 'cpu'), join(base, 'v1/cpu/kubepods/besteffort/podb1'))
})

test('cgroups: the sandbox’s own needs are the pod’s', () => {
  const resources = { requests: { cpu: '100m' }, limits: { cpu: '200m', memory: '1Mi' } }
  const pod = buildPod({ containers: [{ name: 'main', resources }], overhead: { cpu: '50m', memory: '1Mi' } })
  assert.deepEqual(podResources(pod), { cpuRequest: 150, cpuLimit: 250, memoryLimit: 2 * 2 ** 20 })
  const unlimited = buildPod({ overhead: { cpu: '50m', memory: '1Mi' } })
  assert.deepEqual(podResources(unlimited), { cpuRequest: 50, cpuLimit: 0, memoryLimit: 0 })
})

test('cgroups: version 2', () => {
  const mount = join(base, 'v2')
  mkdirSync(mount)
  writeFileSync(join(mount, 'cgroup.controllers'), 'cpu memory pids')
  for (const path of ['kubepods', 'kubepods/podg2']) {
    mkdirSync(join(mount, path), { recursive: true })
    writeFileSync(join(mount, path, 'cgroup.controllers'), 'cpu memory pids')
  }
  const cgroups = createCgroups({ driver: 'cgroupfs', mount, logger: silentLogger })
  cgroups.create(
    buildPod({ containers: [{ name: 'main', resources: { limits: { cpu: '2', memory: '1Gi' } } }] }, { uid: 'g2' }),
  )
  assert.equal(readFileSync(join(mount, 'kubepods/podg2/cpu.max'), 'utf8'), '200000 100000')
  assert.equal(readFileSync(join(mount, 'kubepods/podg2/cpu.weight'), 'utf8'), '79')
  assert.equal(readFileSync(join(mount, 'kubepods/podg2/memory.max'), 'utf8'), String(2 ** 30))
})

test('the hash changes with the image, and with nothing else', () => {
  const container = { name: 'main', image: 'x' }
  assert.equal(containerHash(container), containerHash({ ...container, env: [] } as Container))
  assert.notEqual(containerHash(container), containerHash({ ...container, image: 'y' }))
})

test('a sandbox: names, ports, namespaces', () => {
  const ports = [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }]
  const pod = buildPod({ containers: [{ name: 'main', ports }] }, { labels: { app: 'x' } })
  const facts = {
    attempt: 1,
    hostname: 'h',
    dns: { servers: [], searches: [], options: [] },
    logs: '/logs',
    cgroupParent: '/p',
  }
  const config = sandboxConfig(pod, facts)
  assert.deepEqual(config.metadata, { name: 'web', uid: 'u1', namespace: 'default', attempt: 1 })
  assert.equal(config.logDirectory, '/logs/default_web_u1')
  assert.deepEqual(config.portMappings, [{ protocol: 'TCP', containerPort: 80, hostPort: 8080, hostIp: '' }])
  assert.equal(config.labels?.['io.kubernetes.pod.uid'], 'u1')
  const tuned = buildPod({ securityContext: { sysctls: [{ name: 'kernel/shm_rmid_forced', value: '1' }] } })
  assert.deepEqual(sandboxConfig(tuned, facts).linux?.sysctls, { 'kernel.shm_rmid_forced': '1' })
  const host = sandboxConfig({ ...pod, spec: { ...pod.spec, hostNetwork: true } }, facts)
  assert.deepEqual([host.hostname, host.portMappings], ['', []])
})

test('namespaces', () => {
  const of = (spec: object, target?: string) => namespaceOptions(buildPod(spec), target)
  assert.deepEqual(of({}), { network: 'POD', pid: 'CONTAINER', ipc: 'POD' })
  assert.deepEqual(of({ hostNetwork: true, hostPID: true, hostIPC: true }), {
    network: 'NODE',
    pid: 'NODE',
    ipc: 'NODE',
  })
  assert.equal(of({ shareProcessNamespace: true }, 'id').pid, 'POD')
  assert.deepEqual(of({}, 'id'), { network: 'POD', pid: 'TARGET', ipc: 'POD', targetId: 'id' })
})

test('a container: command with variables, what a later kubelet must know', () => {
  const container: Container = {
    name: 'main',
    image: 'x',
    command: ['run', '$(A)'],
    args: ['$$(A)', '$(B)'],
    lifecycle: { preStop: { sleep: { seconds: 1 } } },
  }
  const config = containerConfig(buildPod(), container, {
    attempt: 2,
    imageRef: 'sha256:1',
    environment: new Map([['A', 'one']]),
    mounts: [],
    resources: {},
    security: {},
  })
  assert.deepEqual(
    [config.command, config.args],
    [
      ['run', 'one'],
      ['$(A)', '$(B)'],
    ],
  )
  assert.equal(config.logPath, 'main/2.log')
  assert.equal(config.annotations?.['io.kubernetes.container.restartCount'], '2')
  assert.equal(config.annotations?.['io.kubernetes.container.preStopHandler'], '{"sleep":{"seconds":1}}')
})

const users: [string, object, ImageUser, string | undefined][] = [
  ['no user at all', {}, { uid: undefined, username: '' }, 'container has runAsNonRoot and image will run as root'],
  ['root by number', {}, { uid: 0, username: '' }, 'container has runAsNonRoot and image will run as root'],
  ['another number', {}, { uid: 5, username: '' }, undefined],
  [
    'a name',
    {},
    { uid: undefined, username: 'nginx' },
    'container has runAsNonRoot and image has non-numeric user (nginx), cannot verify user is non-root',
  ],
  ['a number of the spec', { runAsUser: 7 }, { uid: 0, username: '' }, undefined],
  ['root of the spec', { runAsUser: 0 }, { uid: 5, username: '' }, "container's runAsUser breaks non-root policy"],
]
for (const [name, context, user, message] of users)
  test(`runAsNonRoot with ${name}`, () => {
    const container = { name: 'main', securityContext: { runAsNonRoot: true, ...context } }
    const verify = () => verifyRunAsNonRoot('web_default(u1)', buildPod(), container, user)
    if (message === undefined) return verify()
    assert.throws(verify, (error: Error) => error instanceof ContainerConfigError && error.message.startsWith(message))
  })

test('security: the container’s word before the pod’s, masks unless privileged', () => {
  const pod = buildPod({ securityContext: { runAsUser: 1, runAsGroup: 2, fsGroup: 3, supplementalGroups: [4] } })
  const of = (securityContext: object) =>
    containerSecurity(pod, { name: 'main', securityContext }, { uid: 9, username: '' }, '/seccomp')
  const plain = of({
    runAsUser: 5,
    seccompProfile: { type: 'Localhost', localhostProfile: 'p.json' },
    allowPrivilegeEscalation: false,
  })
  assert.deepEqual([plain.runAsUser, plain.runAsGroup, plain.supplementalGroups], [{ value: 5 }, { value: 2 }, [3, 4]])
  assert.deepEqual(plain.seccomp, { profileType: 'Localhost', localhostRef: '/seccomp/p.json' })
  assert.equal(plain.noNewPrivs, true)
  assert.ok(plain.maskedPaths!.includes('/proc/kcore'))
  const privileged = of({ privileged: true })
  assert.deepEqual([privileged.maskedPaths, privileged.readonlyPaths, privileged.privileged], [[], [], true])
})

test('garbage: two containers of each name stay, and sandboxes that hold one', () => {
  const dead = (attempt: number, sandboxId = 's0') =>
    buildContainer({ id: `c${attempt}`, attempt, sandboxId, state: 'exited', createdAt: attempt })
  const sandboxes = [
    buildSandbox({ id: 's2' }),
    buildSandbox({ id: 's1', ready: false }),
    buildSandbox({ id: 's0', ready: false }),
  ]
  const runtime = buildRuntime([buildContainer({ id: 'c4', createdAt: 4 }), dead(3), dead(2), dead(1)], sandboxes)
  assert.deepEqual(
    deadContainers(runtime, 1_000_000).map(each => each.id),
    ['c2', 'c1'],
  )
  assert.deepEqual(deadContainers(runtime, 1_000), [])
  assert.deepEqual(deadSandboxes(runtime), ['s1'])
})

test('a look at one pod is not undone by a listing that began before it', async () => {
  const sandbox = { id: 's0', state: 'SANDBOX_READY', labels: { 'io.kubernetes.pod.uid': 'u1' }, createdAt: 0 }
  let sandboxes: object[] = []
  const listing = deferred()
  let held = true
  const cri = {
    listPodSandbox: async () => {
      const items = sandboxes
      if (held) {
        held = false
        await listing.promise
      }
      return { items }
    },
    listContainers: async () => ({ containers: [] }),
    podSandboxStatus: async () => ({ status: sandbox }),
  } as unknown as Cri
  const view = new RuntimeView(cri, '/logs', silentLogger)
  const relisting = view.relist()
  sandboxes = [sandbox]
  assert.equal((await view.refresh('u1', 'web', 'default')).sandboxes.length, 1)
  listing.resolve()
  assert.deepEqual(await relisting, [])
  assert.equal(view.get('u1')?.sandboxes.length, 1)
  sandboxes = []
  assert.deepEqual(await view.relist(), ['u1'])
  assert.equal(view.get('u1'), undefined)
})
