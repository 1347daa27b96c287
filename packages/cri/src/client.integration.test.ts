import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { hasCode } from './error.ts'
import {
  BUSYBOX_IMAGE,
  busyboxImage,
  startContainerd,
  type TestContainerd,
  whyNoBusybox,
  whyNoContainerd,
} from './testing/index.ts'

const skip = whyNoContainerd() ?? whyNoBusybox() ?? false

describe('CRI client on a real containerd', { skip }, () => {
  let containerd: TestContainerd
  before(async () => {
    containerd = await startContainerd()
    await containerd.import(await busyboxImage())
  })
  after(() => containerd.stop())

  test('version, status and images', async () => {
    const { cri } = containerd
    const version = await cri.version()
    assert.equal(version.runtimeName, 'containerd')
    assert.equal(version.runtimeApiVersion, 'v1')
    const { images } = await cri.listImages()
    assert.ok(images.some(image => image.repoTags.includes(BUSYBOX_IMAGE)))
    const { image } = await cri.imageStatus({ image: { image: 'no-such-image' } })
    assert.equal(image, undefined)
  })

  test('a pod runs, answers exec, exits with its code and is removed', async () => {
    const { cri } = containerd
    const config = {
      metadata: { name: 'web', uid: 'uid-1', namespace: 'default' },
      hostname: 'web',
      logDirectory: `${containerd.directory}/logs`,
      labels: { app: 'web' },
    }
    const { podSandboxId } = await cri.runPodSandbox({ config })
    const { status } = await cri.podSandboxStatus({ podSandboxId })
    assert.equal(status?.state, 'SANDBOX_READY')
    assert.match(status?.network?.ip ?? '', /^10\.199\./)
    const { containerId } = await cri.createContainer({
      podSandboxId,
      sandboxConfig: config,
      config: {
        metadata: { name: 'main' },
        image: { image: BUSYBOX_IMAGE },
        command: ['sh', '-c', 'trap "exit 3" TERM; while :; do sleep 0.05; done'],
        envs: [{ key: 'COLOUR', value: 'blau' }],
        logPath: 'main/0.log',
      },
    })
    await cri.startContainer({ containerId })
    const exec = await cri.execSync({ containerId, cmd: ['sh', '-c', 'echo $COLOUR; exit 7'], timeout: 10 })
    assert.equal(Buffer.from(exec.stdout).toString(), 'blau\n')
    assert.equal(exec.exitCode, 7)
    const listed = await cri.listContainers({ filter: { podSandboxId } })
    assert.deepEqual(
      listed.containers.map(each => each.state),
      ['CONTAINER_RUNNING'],
    )
    await cri.stopContainer({ containerId, timeout: 10 })
    const stopped = await cri.containerStatus({ containerId })
    assert.equal(stopped.status?.state, 'CONTAINER_EXITED')
    assert.equal(stopped.status?.exitCode, 3)
    await cri.stopPodSandbox({ podSandboxId })
    await cri.removePodSandbox({ podSandboxId })
    const { items } = await cri.listPodSandbox({ filter: { id: podSandboxId } })
    assert.deepEqual(items, [])
  })

  test('errors have the runtime’s code, and an aborted call its reason', async () => {
    const { cri } = containerd
    await assert.rejects(cri.containerStatus({ containerId: 'nope' }), error => hasCode(error, 'NOT_FOUND'))
    await assert.rejects(cri.runtimeConfig(), error => hasCode(error, 'UNIMPLEMENTED'))
    const reason = new Error('enough')
    await assert.rejects(cri.version({}, { signal: AbortSignal.abort(reason) }), reason)
  })

  test('the client finds the runtime again after a crash', async () => {
    const { cri } = containerd
    await containerd.crash()
    await assert.rejects(cri.version({}, { deadline: 30_000 }), error => hasCode(error, 'UNAVAILABLE'))
    await containerd.start()
    assert.equal((await cri.version()).runtimeName, 'containerd')
  })
})
