import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { ConfigMaps, PersistentVolumeClaims, PersistentVolumes, Pods, Secrets } from '@canopus/api'
import type { ConfigMap, Pod } from '@canopus/api/core/v1'
import type { Transport } from '@canopus/client'
import {
  BUSYBOX_IMAGE,
  busyboxImage,
  startContainerd,
  type TestContainerd,
  whyNoBusybox,
  whyNoContainerd,
} from '@canopus/cri/testing'
import { busybox, createHarness, type Harness } from '../testing/harness.ts'
import { exec, FOREVER, main, running, say, untilEvent } from '../testing/pod-questions.ts'

const skip = whyNoContainerd() ?? whyNoBusybox() ?? false

/** Issues tokens that say what they are for. */
function withTokens(inner: Transport): Transport {
  return {
    async send(request) {
      if (!request.path.endsWith('/token')) return inner.send(request)
      const { spec } = JSON.parse(new TextDecoder().decode(request.body))
      const token = `${request.path.split('/').at(-2)}:${spec.boundObjectRef.name}:${spec.audiences}:${spec.expirationSeconds}`
      const status = { token, expirationTimestamp: new Date(Date.now() + spec.expirationSeconds * 1000).toISOString() }
      const bytes = Buffer.from(JSON.stringify({ metadata: {}, spec, status }))
      return {
        status: 201,
        headers: {},
        bytes: async () => bytes,
        async *chunks() {
          yield bytes
        },
      }
    },
  }
}
describe('volumes of pods', { skip, concurrency: 4 }, () => {
  let containerd: TestContainerd
  let harness: Harness
  before(async () => {
    containerd = await startContainerd()
    await containerd.import(await busyboxImage())
    harness = createHarness(containerd.cri, { refreshEvery: 400 }, withTokens)
  })
  after(async () => {
    await harness.close()
    await containerd.stop()
  })

  test('volumes: files, modes, tmpfs, sub paths', async () => {
    harness.server.add(ConfigMaps, {
      metadata: { name: 'files', namespace: 'default' },
      data: { 'a.txt': 'A', 'b.txt': 'B' },
    })
    harness.server.add(Secrets, {
      metadata: { name: 'files', namespace: 'default' },
      data: { key: Buffer.from('K').toString('base64') },
    })
    const text = await say(
      harness,
      'volumes',
      'cat /cfg/a.txt /cfg/sub/bee /sec/key /one/a.txt; echo; stat -L -c %a /sec/key /cfg/a.txt; mount | grep -c " on /mem type tmpfs"; touch /share/x && ls /share; cat /etc/podinfo/labels; stat -c %a /share /mem',
      {
        volumes: [
          {
            name: 'cfg',
            configMap: {
              name: 'files',
              items: [
                { key: 'a.txt', path: 'a.txt' },
                { key: 'b.txt', path: 'sub/bee' },
              ],
            },
          },
          { name: 'sec', secret: { secretName: 'files', defaultMode: 0o400 } },
          { name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
          { name: 'work', emptyDir: {} },
          { name: 'info', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.name' } }] } },
        ],
      },
      {
        volumeMounts: [
          { name: 'cfg', mountPath: '/cfg' },
          { name: 'cfg', mountPath: '/one/a.txt', subPath: 'a.txt' },
          { name: 'sec', mountPath: '/sec', readOnly: true },
          { name: 'mem', mountPath: '/mem' },
          { name: 'work', mountPath: '/share', subPathExpr: 'deep/$(SUB)' },
          { name: 'info', mountPath: '/etc/podinfo' },
        ],
        env: [{ name: 'SUB', value: 'er' }],
      },
    )
    assert.equal(text, 'ABKA\n400\n644\n1\nx\nvolumes777\n777\n')
  })

  test('a claim bound to a directory of the node', async () => {
    const path = `${harness.directory}/disk`
    harness.run('claims', {
      containers: [busybox(BUSYBOX_IMAGE, FOREVER, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
    })
    await untilEvent(harness, 'claims', 'FailedMount', 'persistentvolumeclaims "data" not found')
    const spec = { volumeName: 'pv-1', accessModes: ['ReadWriteOnce'] }
    const claim = harness.server.add(PersistentVolumeClaims, {
      metadata: { name: 'data', namespace: 'default' },
      spec,
      status: { phase: 'Bound' },
    })
    harness.server.add(PersistentVolumes, {
      metadata: { name: 'pv-1' },
      spec: { hostPath: { path, type: 'DirectoryOrCreate' }, claimRef: { uid: claim.metadata.uid } },
    })
    await harness.until('claims', running)
    await exec(harness, containerd.cri, 'claims', ['sh', '-c', 'echo kept > /v/file'])
    assert.equal(readFileSync(`${path}/file`, 'utf8'), 'kept\n')
  })

  test('a projected volume: token, config map and downward API in one', async () => {
    harness.server.add(ConfigMaps, { metadata: { name: 'ca', namespace: 'default' }, data: { 'ca.crt': 'CA' } })
    const text = await say(
      harness,
      'api-access',
      'cd /var/run/secrets/kubernetes.io/serviceaccount; cat token; echo; cat ca.crt; echo; cat namespace; echo; stat -L -c "%a %u" token; grep -c " /var/run/secrets/kubernetes.io/serviceaccount " /proc/mounts; df -T . | grep -c tmpfs',
      {
        serviceAccountName: 'robot',
        securityContext: { runAsUser: 1000 },
        volumes: [
          {
            name: 'kube-api-access',
            projected: {
              defaultMode: 0o644,
              sources: [
                { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
                { configMap: { name: 'ca', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
                { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
              ],
            },
          },
        ],
      },
      {
        volumeMounts: [
          { name: 'kube-api-access', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
        ],
      },
    )
    assert.equal(text, 'robot:api-access::3607\nCA\ndefault\n600 1000\n1\n1\n')
  })

  test('what a pod must not reach by sub paths', async () => {
    const volumes = [{ name: 'v', emptyDir: {} }]
    const link = {
      ...busybox(BUSYBOX_IMAGE, 'ln -s /etc /v/out'),
      name: 'link',
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
    }
    harness.run('escape', {
      volumes,
      initContainers: [link],
      containers: [busybox(BUSYBOX_IMAGE, FOREVER, { volumeMounts: [{ name: 'v', mountPath: '/x', subPath: 'out' }] })],
    })
    harness.run('dots', {
      volumes,
      containers: [
        busybox(BUSYBOX_IMAGE, FOREVER, {
          env: [{ name: 'UP', value: '../..' }],
          volumeMounts: [{ name: 'v', mountPath: '/x', subPathExpr: '$(UP)' }],
        }),
      ],
    })
    for (const name of ['escape', 'dots'])
      await harness.until(name, each => main(each)?.state?.waiting?.reason === 'CreateContainerConfigError')
  })

  test('changes of objects reach a running pod', async () => {
    harness.server.add(ConfigMaps, { metadata: { name: 'live', namespace: 'default' }, data: { v: '1' } })
    const sources = [
      { configMap: { name: 'live' } },
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
    ]
    harness.run('live', {
      containers: [busybox(BUSYBOX_IMAGE, FOREVER, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
      volumes: [{ name: 'v', projected: { sources } }],
    })
    await harness.until('live', running)
    assert.equal(await exec(harness, containerd.cri, 'live', ['cat', '/v/v']), '1')
    harness.server.change<ConfigMap>(ConfigMaps, 'live', 'default', each => {
      each.data = { w: '2' }
    })
    harness.server.change<Pod>(Pods, 'live', 'default', each => {
      each.metadata.labels = { a: 'b' }
    })
    let seen = ''
    while (seen !== 'labels\nw\na="b"2')
      seen = await exec(harness, containerd.cri, 'live', ['sh', '-c', 'ls /v; cat /v/labels /v/w'])
    assert.equal(harness.pod('live')?.status?.containerStatuses?.[0]?.restartCount, 0)
  })

  test('a missing config map holds the pod up until it is there', async () => {
    harness.run('patient', {
      containers: [busybox(BUSYBOX_IMAGE, FOREVER)],
      volumes: [{ name: 'v', configMap: { name: 'late' } }],
    })
    await untilEvent(
      harness,
      'patient',
      'FailedMount',
      'MountVolume.SetUp failed for volume "v" : configmap "late" not found',
    )
    assert.equal(main(harness.pod('patient'))?.state?.waiting?.reason, 'ContainerCreating')
    harness.server.add(ConfigMaps, { metadata: { name: 'late', namespace: 'default' }, data: {} })
    await harness.until('patient', running, 40_000)
  })
})
