/** What kubectl does with workloads, on two nodes with real containers: rollouts, drains, jobs, and the ways into a pod. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { containerSkip, TestCluster } from './support/cluster.ts'
import { until } from './support/until.ts'

/** kubectl chooses the port, so that nobody takes it meanwhile. */
const FORWARDED = /Forwarding from 127\.0\.0\.1:(\d+)/
const manifest = fileURLToPath(new URL('manifests/workloads.yaml', import.meta.url))

describe('workloads', { skip: containerSkip() }, () => {
  const cluster = new TestCluster('work')
  const { kubectl } = cluster
  const first = 'work'
  const second = 'work-2'

  const get = (what: string, path: string, ...more: string[]): Promise<string> =>
    kubectl.run(['get', ...what.split(' '), '-o', `jsonpath=${path}`, ...more])
  const rolledOut = (what: string): Promise<string> => kubectl.run(['rollout', 'status', what, '--timeout=170s'])
  const nodesOf = async (label: string): Promise<string[]> =>
    (await get('pods', '{.items[*].spec.nodeName}', '-l', label)).split(' ').sort()

  before(async () => {
    await cluster.up('--nodes', '2')
    await kubectl.run(['apply', '-f', manifest])
  })
  after(() => cluster.remove())

  describe('deployments', () => {
    const image = (): Promise<string> => get('deployment web', '{.spec.template.spec.containers[0].image}')

    it('roll out, one pod more than wanted at a time', async () => {
      assert.match(await rolledOut('deployment/web'), /deployment "web" successfully rolled out/)
      assert.match(await kubectl.run(['get', 'deployment', 'web']), /web +3\/3 +3 +3 /)
    })

    it('stop at a bad image, with all old pods left, and go back', async () => {
      await kubectl.run(['set', 'image', 'deployment/web', 'web=nosuch:1'])
      const stuck = await kubectl.try(['rollout', 'status', 'deployment/web', '--timeout=170s'])
      assert.equal(stuck.code, 1)
      assert.match(stuck.stderr, /deployment "web" exceeded its progress deadline/)
      assert.match(await kubectl.run(['get', 'deployment', 'web']), /web +3\/3 +1 +3 /)
      assert.match(await kubectl.run(['rollout', 'undo', 'deployment/web']), /deployment.apps\/web rolled back/)
      await rolledOut('deployment/web')
      assert.equal(await image(), 'canopus/hello')
      const all = Array(3).fill('canopus/hello').join(' ')
      // A pod that is on its way out is none of the rollout's, but is still there.
      await until(
        'only pods of the good image',
        async () => all === (await get('pods', '{.items[*].spec.containers[0].image}', '-l', 'app=web')),
      )
    })

    it('keep a history, whose revisions can be looked at and gone back to', async () => {
      await kubectl.run(['annotate', 'deployment/web', 'kubernetes.io/change-cause=good again'])
      const history = await kubectl.run(['rollout', 'history', 'deployment/web'])
      assert.match(history, /^REVISION +CHANGE-CAUSE\n2 +<none>\n3 +(<none>|good again)\n/m)
      assert.match(await kubectl.run(['rollout', 'history', 'deployment/web', '--revision=2']), /Image:\s+nosuch:1/)
      const none = await kubectl.try(['rollout', 'undo', 'deployment/web', '--to-revision=9'])
      assert.match(none.stderr, /unable to find specified revision 9 in history/)
    })

    it('paused, they collect changes; resumed, they roll them out at once', async () => {
      await kubectl.run(['rollout', 'pause', 'deployment/web'])
      await kubectl.run(['set', 'env', 'deployment/web', 'COLOR=green'])
      await kubectl.run(['set', 'resources', 'deployment/web', '--limits=memory=64Mi'])
      const observed = await get('deployment web', '{.metadata.generation}')
      await kubectl.wait('deployment/web', `jsonpath={.status.observedGeneration}=${observed}`)
      assert.match(
        await get('deployment web', '{.status.conditions[?(@.type=="Progressing")].reason}'),
        /DeploymentPaused/,
      )
      assert.doesNotMatch(await get('pods', '{.items[*].spec.containers[0].env}', '-l', 'app=web'), /green/)
      assert.match(
        (await kubectl.try(['rollout', 'undo', 'deployment/web'])).stderr,
        /cannot rollback a paused deployment/,
      )
      await kubectl.run(['rollout', 'resume', 'deployment/web'])
      await rolledOut('deployment/web')
      assert.equal(
        (await get('pods', '{.items[*].spec.containers[0].env[0].value}', '-l', 'app=web')).match(/green/g)?.length,
        3,
      )
    })

    it('restart with other pods, and scale up and down', async () => {
      const before = (await get('pods', '{.items[*].metadata.name}', '-l', 'app=web')).split(' ')
      await kubectl.run(['rollout', 'restart', 'deployment/web'])
      await rolledOut('deployment/web')
      await kubectl.run(['wait', ...before.map(name => `pod/${name}`), '--for=delete', '--timeout=170s'])
      const now = await get('pods', '{.items[*].metadata.name}', '-l', 'app=web')
      assert.ok(
        before.every(name => !now.includes(name)),
        now,
      )
      const wrong = await kubectl.try(['scale', 'deployment/web', '--replicas=4', '--current-replicas=9'])
      assert.match(wrong.stderr, /Expected replicas to be 9, was 3/)
      await kubectl.run(['scale', 'deployment/web', '--replicas=5'])
      await rolledOut('deployment/web')
      await kubectl.run(['scale', 'deployment/web', '--replicas=3'])
      await kubectl.wait('deployment/web', 'jsonpath={.status.replicas}=3')
    })
  })

  describe('daemon sets and stateful sets', () => {
    it('a daemon set has a pod on every node, and changes them one after the other', async () => {
      await rolledOut('daemonset/everywhere')
      assert.deepEqual(await nodesOf('app=everywhere'), [first, second])
      await kubectl.run(['set', 'env', 'daemonset/everywhere', 'COLOR=green'])
      assert.match(await rolledOut('daemonset/everywhere'), /successfully rolled out/)
      assert.equal(
        await get('pods', '{.items[*].spec.containers[0].env[0].value}', '-l', 'app=everywhere'),
        'green green',
      )
      await kubectl.run(['rollout', 'undo', 'daemonset/everywhere'])
      await rolledOut('daemonset/everywhere')
      assert.equal(await get('pods', '{.items[*].spec.containers[0].env}', '-l', 'app=everywhere'), '')
    })

    it('a stateful set changes the pods above its partition only', async () => {
      await rolledOut('statefulset/ordered')
      await kubectl.run(['set', 'env', 'statefulset/ordered', 'COLOR=green'])
      assert.match(
        await rolledOut('statefulset/ordered'),
        /partitioned roll out complete: 1 new pods have been updated/,
      )
      const colors = (): Promise<string> =>
        get(
          'pods',
          '{range .items[*]}{.metadata.name}={.spec.containers[0].env[0].value} {end}',
          '-l',
          'app=ordered',
          '--sort-by=.metadata.name',
        )
      assert.equal(await colors(), 'ordered-0= ordered-1= ordered-2=green ')
      await kubectl.run([
        'patch',
        'statefulset',
        'ordered',
        '-p',
        '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}',
      ])
      await rolledOut('statefulset/ordered')
      assert.equal(await colors(), 'ordered-0=green ordered-1=green ordered-2=green ')
      await kubectl.run(['rollout', 'undo', 'statefulset/ordered'])
      await rolledOut('statefulset/ordered')
      assert.equal(await colors(), 'ordered-0= ordered-1= ordered-2= ')
    })
  })

  describe('jobs', () => {
    it('run as many pods as they are told to', async () => {
      await kubectl.wait('job/counted', 'condition=Complete')
      assert.match(await kubectl.run(['get', 'job', 'counted']), /counted +Complete +4\/4 /)
      assert.equal((await get('pods', '{.items[*].metadata.name}', '-l', 'job-name=counted')).split(' ').length, 4)
    })

    it('tell each pod its index', async () => {
      await kubectl.wait('job/indexed', 'condition=Complete')
      assert.equal(await get('job indexed', '{.status.completedIndexes}'), '0-2')
      const logs = await kubectl.run(['logs', '-l', 'job-name=indexed'])
      assert.deepEqual(
        logs.trim().split('\n').sort(),
        [0, 1, 2].map(index => `I am ${index} of indexed-${index}`),
      )
    })

    it('give up after their limit, or at once where the failure says so', async () => {
      await kubectl.wait('job/hopeless', 'condition=Failed')
      assert.equal(
        await get('job hopeless', '{.status.failed} {.status.conditions[?(@.type=="Failed")].reason}'),
        '2 BackoffLimitExceeded',
      )
      await kubectl.wait('job/ignored', 'condition=Failed')
      assert.equal(
        await get('job ignored', '{.status.failed} {.status.conditions[?(@.type=="Failed")].reason}'),
        '1 PodFailurePolicy',
      )
    })

    it('go by themselves, with their pods', async () => {
      await kubectl.run(['wait', 'job/short-lived', '--for=delete', '--timeout=170s'])
      await kubectl.run(['wait', 'pod', '-l', 'job-name=short-lived', '--for=delete', '--timeout=170s'])
    })

    it('are made from a cron job by hand', async () => {
      await kubectl.run(['create', 'job', 'tonight', '--from=cronjob/nightly'])
      await kubectl.wait('job/tonight', 'condition=Complete')
      assert.equal(await kubectl.run(['logs', 'job/tonight']), 'good night\n')
      assert.equal(
        await get('job tonight', '{.metadata.ownerReferences[0].kind}/{.metadata.ownerReferences[0].name}'),
        'CronJob/nightly',
      )
      await kubectl.run(['delete', 'cronjob', 'nightly'])
      await kubectl.run(['wait', 'job/tonight', '--for=delete', '--timeout=170s'])
    })
  })

  describe('a pod with an init container and a sidecar', () => {
    const heard = (line: string): Promise<string> =>
      kubectl.followUntil(['logs', '-f', 'staged', '-c', 'main'], new RegExp(`heard ${line}`))

    it('starts in stages, and is waited for', async () => {
      assert.match(await kubectl.wait('pod/staged', 'condition=Ready'), /pod\/staged condition met/)
      assert.match(await kubectl.run(['get', 'pod', 'staged']), /staged +2\/2 +Running/)
      assert.equal(await kubectl.run(['logs', 'staged', '-c', 'shipper']), 'sidecar is up\n')
      const late = await kubectl.try(['wait', 'pod/staged', '--for=condition=Odd', '--timeout=1s'])
      assert.match(late.stderr, /timed out waiting for the condition on pods\/staged/)
      const nobody = await kubectl.try(['wait', 'pod/nobody', '--for=condition=Ready', '--timeout=1s'])
      assert.match(nobody.stderr, /pods "nobody" not found/)
    })

    it('takes and gives whole directories', async () => {
      const from = join(cluster.home, 'carried')
      mkdirSync(join(from, 'deep'), { recursive: true })
      writeFileSync(join(from, 'deep', 'file'), 'x'.repeat(200_000))
      await kubectl.run(['cp', from, 'staged:/stage/carried', '-c', 'main'])
      await kubectl.run(['cp', 'default/staged:/stage/carried', join(cluster.home, 'back'), '-c', 'shipper'])
      assert.equal(readFileSync(join(cluster.home, 'back/deep/file'), 'utf8').length, 200_000)
    })

    it('is looked into by a debug container, and by a copy of itself', async () => {
      const target = [
        '--image=busybox',
        '--profile=general',
        '--target=main',
        '-c',
        'look',
        '--',
        'sh',
        '-c',
        'cat /proc/1/cmdline',
      ]
      await kubectl.run(['debug', 'staged', ...target])
      await kubectl.wait(
        'pod/staged',
        'jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.reason}=Completed',
      )
      assert.match(await kubectl.run(['logs', 'staged', '-c', 'look']), /while read line/)
      await kubectl.run([
        'debug',
        'staged',
        '--image=busybox',
        '--copy-to=copied',
        '--share-processes',
        '-c',
        'extra',
        '--profile=general',
        '--',
        'sleep',
        '1000',
      ])
      await kubectl.wait('pod/copied', 'condition=Ready')
      assert.match(await kubectl.run(['exec', 'copied', '-c', 'extra', '--', 'ps']), /while read line/)
      await kubectl.run(['delete', 'pod', 'copied', '--grace-period=1'])
    })

    it('forwards ports by way of services, too', async () => {
      await kubectl.run(['expose', 'deployment', 'web', '--port=8080', '--target-port=80'])
      const stop = new AbortController()
      const forwarding = kubectl.follow(['port-forward', 'service/web', ':8080'], stop.signal)
      const [, port] = FORWARDED.exec(await forwarding.until(FORWARDED))!
      const pages = await Promise.all([1, 2, 3, 4].map(async () => (await fetch(`http://127.0.0.1:${port}/`)).text()))
      for (const page of pages) assert.match(page, /Hello from Canopus!/)
      stop.abort()
      await forwarding.ended
      const closed = await kubectl.try(['port-forward', 'service/web', ':9'])
      assert.match(closed.stderr, /Service web does not have a service port 9/)
    })

    it('is attached to; when its main container ends, the log before is still there', async () => {
      const say = async (word: string, until: () => Promise<string>): Promise<void> => {
        const done = new AbortController()
        const attached = kubectl.try(['attach', '-i', 'staged', '-c', 'main'], {
          input: `${word}\n`,
          signal: done.signal,
        })
        await until()
        done.abort()
        await attached
      }
      await say('hello', () => heard('hello'))
      await say('bye', () => kubectl.wait('pod/staged', 'jsonpath={.status.containerStatuses[0].restartCount}=1'))
      assert.equal(await kubectl.run(['logs', '-f', 'staged', '-c', 'main', '--previous']), 'heard hello\nheard bye\n')
      assert.equal(await get('pod staged', '{.status.containerStatuses[0].lastState.terminated.exitCode}'), '3')
      const none = await kubectl.try(['logs', 'staged', '-c', 'shipper', '--previous'])
      assert.match(none.stderr, /previous terminated container "shipper" in pod "staged" not found/)
    })
  })

  describe('a node', () => {
    it('that is cordoned takes no pods until it is uncordoned', async () => {
      await kubectl.run(['cordon', second])
      assert.match(await kubectl.run(['get', 'node', second]), /work-2 +Ready,SchedulingDisabled/)
      await kubectl.run([
        'run',
        'elsewhere',
        '--image=busybox',
        `--overrides={"spec":{"nodeSelector":{"kubernetes.io/hostname":"${second}"}}}`,
        '--',
        'sleep',
        '1000',
      ])
      await kubectl.wait('pod/elsewhere', 'jsonpath={.status.conditions[0].reason}=Unschedulable')
      assert.match(await get('pod elsewhere', '{.status.conditions[0].message}'), /1 node\(s\) were unschedulable/)
      await kubectl.run(['uncordon', second])
      await kubectl.wait('pod/elsewhere', 'condition=Ready')
    })

    it('is drained only as far as is told: not of bare pods, nor of those of daemon sets', async () => {
      const bare = await kubectl.try(['drain', second])
      assert.equal(bare.code, 1)
      assert.match(bare.stderr, /cannot delete DaemonSet-managed Pods[^\n]*default\/everywhere-/)
      assert.match(bare.stderr, /cannot delete [^\n]*Pods that declare no controller[^\n]*default\/elsewhere/)
      await kubectl.run(['delete', 'pod', 'elsewhere', '--grace-period=1'])
    })

    it('is drained no faster than the disruption budget allows', async () => {
      await kubectl.run(['patch', 'pdb', 'web', '--type=merge', '-p', '{"spec":{"minAvailable":3}}'])
      await kubectl.wait('pdb/web', 'jsonpath={.status.disruptionsAllowed}=0')
      const flags = ['--ignore-daemonsets', '--delete-emptydir-data', '--force']
      assert.ok((await nodesOf('app=web')).includes(second))
      const refused = await kubectl.try(['drain', second, ...flags, '--pod-selector=app=web', '--timeout=5s'])
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /Cannot evict pod as it would violate the pod's disruption budget/)
      await kubectl.run(['patch', 'pdb', 'web', '--type=merge', '-p', '{"spec":{"minAvailable":1}}'])
      await kubectl.wait('pdb/web', 'jsonpath={.status.disruptionsAllowed}=2')
      await kubectl.run(['drain', second, ...flags, '--timeout=170s'])
      assert.deepEqual([...new Set(await nodesOf('app=web'))], [first])
      await rolledOut('deployment/web')
      assert.ok((await nodesOf('app=everywhere')).includes(second), 'daemon pods stay')
      await kubectl.run(['uncordon', second])
    })
  })

  it('`top` knows every node', async () => {
    await kubectl.wait('apiservice/v1beta1.metrics.k8s.io', 'condition=Available')
    const { stdout, stderr } = await kubectl.try(['top', 'node'])
    // The first figures come half a minute after the start.
    assert.ok(/not available yet/.test(stderr) || (stdout.includes(first) && stdout.includes(second)), stderr)
  })

  it('a deployment and its pods deleted together leave nothing', async () => {
    await kubectl.run(['delete', 'deployments,daemonsets,statefulsets,jobs,pods', '--all', '--grace-period=1'])
    await kubectl.run(['wait', 'pods', '--all', '--for=delete', '--timeout=170s'])
    // What was owned is collected behind its owners.
    const left = (): Promise<string> => kubectl.run(['get', 'pods,replicasets,controllerrevisions', '-o', 'name'])
    await until('nothing is left', async () => (await left()) === '')
  })
})
