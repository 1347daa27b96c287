import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Events, Leases, Nodes, Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { isConditionTrue } from '@canopus/apimachinery'
import type { FakeRequest } from '@canopus/client/testing'
import { BUSYBOX_IMAGE, type TestContainerd } from '@canopus/cri/testing'
import { busybox, type Harness, NODE, onContainerd, whyNoContainers } from './testing/harness.ts'
import { FOREVER, main, running } from './testing/pod-questions.ts'

/** Whether a request from that one on writes the node's status. */
const isNodeStatus =
  (from: number) =>
  ({ method, path }: FakeRequest, index: number): boolean =>
    index >= from && method === 'PUT' && path.endsWith(`/nodes/${NODE}/status`)
const isReady = (pod: Pod): boolean => isConditionTrue(pod.status?.conditions, 'Ready')
const idOf = (pod: Pod | undefined): string | undefined => pod?.status?.containerStatuses?.[0]?.containerID

describe('bad days of a node', { skip: whyNoContainers }, () => {
  let containerd: TestContainerd
  let harness: Harness
  onContainerd((...started) => {
    ;[harness, containerd] = started
  })

  test('the node registers, becomes ready and holds a lease', async () => {
    const ready = () => harness.server.get(Nodes, NODE)?.status?.conditions?.find(each => each.type === 'Ready')?.status
    await harness.until('-', () => ready() === 'True')
    const node = harness.server.get(Nodes, NODE)!
    assert.match(node.status!.nodeInfo!.containerRuntimeVersion, /^containerd:\/\/\d/)
    assert.equal(node.metadata.labels?.['kubernetes.io/hostname'], NODE)
    assert.ok(Number(node.status!.capacity!.cpu) > 0)
    await harness.until('-', () => harness.server.get(Leases, NODE, 'kube-node-lease') !== undefined)
  })

  test('a new kubelet takes over running pods as they are', async () => {
    harness.run('kept', { containers: [busybox(BUSYBOX_IMAGE, FOREVER)] })
    harness.run('gone', { containers: [busybox(BUSYBOX_IMAGE, FOREVER)] })
    const before = await harness.until('kept', running)
    await harness.until('gone', running)
    await harness.stopKubelet()
    harness.server.remove(Pods, 'gone', 'default')
    harness.startKubelet()
    const names = async (): Promise<string[]> =>
      (await containerd.cri.listPodSandbox()).items.map(sandbox => sandbox.metadata?.name ?? '')
    while ((await names()).includes('gone'));
    const after = harness.pod('kept')
    assert.equal(idOf(after), idOf(before))
    assert.equal(after?.status?.containerStatuses?.[0]?.restartCount, 0)
    assert.deepEqual(after?.status?.startTime, before.status?.startTime)
  })

  test('a kubelet speaks for its node once it has told of the pods that were lost meanwhile', async () => {
    harness.run('lost', { containers: [busybox(BUSYBOX_IMAGE, FOREVER)] })
    harness.run('once', { restartPolicy: 'Never', containers: [busybox(BUSYBOX_IMAGE, FOREVER)] })
    await harness.until('lost', running)
    await harness.until('once', running)
    await harness.stopKubelet()
    const { items } = await containerd.cri.listPodSandbox()
    for (const { id, metadata } of items) {
      if (metadata?.name === 'kept') continue
      await containerd.cri.stopPodSandbox({ podSandboxId: id })
      await containerd.cri.removePodSandbox({ podSandboxId: id })
    }
    const from = harness.server.requests.length
    harness.startKubelet()
    const again = await harness.until('lost', pod => main(pod)?.restartCount === 1 && main(pod)?.ready === true)
    assert.equal(main(again)?.lastState?.terminated?.reason, 'ContainerStatusUnknown')
    await harness.until('once', pod => pod?.status?.phase === 'Failed')
    const spoken = (): number => harness.server.requests.findIndex(isNodeStatus(from))
    await harness.until('-', () => spoken() >= 0)
    const told = harness.server.requests
      .slice(from, spoken())
      .filter(({ method, path }) => method === 'PUT' && /pods\/(lost|once)\/status$/.test(path))
    const ready = told.map(({ path, body }) => [path.split('/').at(-2), isReady(body as Pod)])
    assert.deepEqual(ready.slice(0, 2).sort(), [
      ['lost', false],
      ['once', false],
    ])
  })

  test('the runtime crashes and comes back: nothing is restarted', async () => {
    const before = harness.pod('kept')
    await containerd.crash()
    harness.run('during', { containers: [busybox(BUSYBOX_IMAGE, FOREVER)] })
    await containerd.start()
    await harness.until('during', running)
    assert.equal(idOf(harness.pod('kept')), idOf(before))
    assert.equal(harness.pod('kept')?.status?.containerStatuses?.[0]?.restartCount, 0)
  })

  test('a sandbox that dies is made anew, with its containers', async () => {
    const before = harness.pod('kept')
    const { items } = await containerd.cri.listPodSandbox({
      filter: { labelSelector: { 'io.kubernetes.pod.name': 'kept' } },
    })
    await containerd.cri.stopPodSandbox({ podSandboxId: items[0]!.id })
    const pod = await harness.until(
      'kept',
      each => running(each) && idOf(each) !== idOf(before) && each?.status?.containerStatuses?.[0]?.ready === true,
    )
    // once more where the container has been started in the sandbox that was going
    assert.ok(main(pod)!.restartCount >= 1)
    assert.ok(harness.server.list(Events).some(event => event.reason === 'SandboxChanged'))
  })

  test('thirty pods at once', async context => {
    const names = Array.from({ length: 30 }, (_, index) => `many-${index}`)
    const startedAt = performance.now()
    for (const name of names) harness.run(name, { containers: [busybox(BUSYBOX_IMAGE, FOREVER)] })
    await Promise.all(names.map(name => harness.until(name, running, 60_000)))
    context.diagnostic(`30 pods running after ${Math.round(performance.now() - startedAt)} ms`)
    const addresses = new Set(names.map(name => harness.pod(name)?.status?.podIP))
    assert.equal(addresses.size, 30)
  })
})
