import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { ConfigMaps, Events, Pods, RuntimeClasses, Secrets, Services } from '@canopus/api'
import type { Pod, Service } from '@canopus/api/core/v1'
import type { RuntimeClass } from '@canopus/api/node/v1'
import { BUSYBOX_IMAGE, type TestContainerd } from '@canopus/cri/testing'
import { busybox, type Harness, onContainerd, whyNoContainers } from './testing/harness.ts'
import { ended, exec, FOREVER, main, running, say, untilEvent } from './testing/pod-questions.ts'

describe('what pods may ask for', { skip: whyNoContainers, concurrency: 4 }, () => {
  let containerd: TestContainerd
  let harness: Harness
  onContainerd((...started) => {
    ;[harness, containerd] = started
  })

  test('environment: references, envFrom, downward API, services', async () => {
    harness.server.add(ConfigMaps, { metadata: { name: 'env', namespace: 'default' }, data: { A: 'one', B: 'two' } })
    harness.server.add(Secrets, {
      metadata: { name: 'env', namespace: 'default' },
      data: { S: Buffer.from('geheim').toString('base64') },
    })
    harness.server.add<Service>(Services, {
      metadata: { name: 'my-db', namespace: 'default' },
      spec: { clusterIP: '10.96.0.77', ports: [{ port: 5432, protocol: 'TCP', targetPort: 5432 }] },
    })
    const text = await say(
      harness,
      'env',
      'env; echo arg=$1',
      {},
      {
        args: ['sh', 'x$(X)'],
        env: [
          { name: 'X', value: 'ex' },
          { name: 'Y', value: 'why-$(X)-$(NOPE)-$$(X)' },
          { name: 'P', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
          { name: 'S', valueFrom: { secretKeyRef: { name: 'env', key: 'S' } } },
        ],
        envFrom: [{ prefix: 'C_', configMapRef: { name: 'env' } }],
        resources: { limits: { memory: '64Mi' } },
      },
    )
    for (const line of [
      'Y=why-ex-$(NOPE)-$(X)',
      'P=env',
      'MEM=64',
      'S=geheim',
      'C_A=one',
      'C_B=two',
      'arg=xex',
      'MY_DB_SERVICE_HOST=10.96.0.77',
      'MY_DB_PORT_5432_TCP_ADDR=10.96.0.77',
    ])
      assert.ok(text.split('\n').includes(line), `${line}\n${text}`)
    assert.match(text, /^IP=10\./m)
  })

  test('deleting a pod breaks off what it waits for', async () => {
    harness.run('stuck', {
      containers: [
        busybox(BUSYBOX_IMAGE, FOREVER, { lifecycle: { postStart: { exec: { command: ['sleep', '600'] } } } }),
      ],
      terminationGracePeriodSeconds: 1,
    })
    await untilEvent(harness, 'stuck', 'Started', 'Container started')
    harness.server.change<Pod>(Pods, 'stuck', 'default', each => {
      each.metadata.deletionTimestamp = new Date().toISOString()
      each.metadata.deletionGracePeriodSeconds = 1
    })
    await harness.until('stuck', each => each === undefined)
  })

  test('init containers run in order, a sidecar stays, the main container follows', async () => {
    const sleeper = busybox(BUSYBOX_IMAGE, FOREVER)
    harness.run('init', {
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [
        {
          ...busybox(BUSYBOX_IMAGE, 'echo one >> /v/log'),
          name: 'first',
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
        },
        { ...sleeper, name: 'side', restartPolicy: 'Always' },
        {
          ...busybox(BUSYBOX_IMAGE, 'echo two >> /v/log'),
          name: 'second',
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
        },
      ],
      containers: [{ ...sleeper, volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
    })
    const pod = await harness.until('init', each => main(each)?.ready === true)
    assert.equal(await exec(harness, containerd.cri, 'init', ['cat', '/v/log']), 'one\ntwo\n')
    const [first, side, second] = pod.status!.initContainerStatuses!
    assert.deepEqual([first!.state?.terminated?.reason, second!.state?.terminated?.exitCode], ['Completed', 0])
    assert.ok(side!.state?.running && side!.started)
    assert.equal(pod.status!.conditions!.find(each => each.type === 'Initialized')?.status, 'True')
  })

  test('a job’s sidecar is stopped when the main container has ended', async () => {
    harness.run('job', {
      restartPolicy: 'Never',
      initContainers: [{ ...busybox(BUSYBOX_IMAGE, FOREVER), name: 'side', restartPolicy: 'Always' }],
      containers: [busybox(BUSYBOX_IMAGE, 'exit 0')],
    })
    const pod = await harness.until('job', ended)
    assert.equal(pod.status?.phase, 'Succeeded')
    assert.ok(pod.status?.initContainerStatuses?.[0]?.state?.terminated)
  })

  test('a failing init container fails a pod that must not restart', async () => {
    harness.run('badinit', {
      restartPolicy: 'Never',
      initContainers: [{ ...busybox(BUSYBOX_IMAGE, 'exit 4'), name: 'first' }],
      containers: [busybox(BUSYBOX_IMAGE, FOREVER)],
    })
    const pod = await harness.until('badinit', ended)
    assert.equal(pod.status?.phase, 'Failed')
    assert.equal(main(pod)?.state?.waiting?.reason, 'PodInitializing')
  })

  test('a crashing container is started again, then waits', async () => {
    harness.run('crash', { containers: [busybox(BUSYBOX_IMAGE, 'exit 3')] })
    const pod = await harness.until('crash', each => main(each)?.state?.waiting?.reason === 'CrashLoopBackOff')
    assert.equal(main(pod)?.restartCount, 1)
    assert.equal(main(pod)?.lastState?.terminated?.exitCode, 3)
    assert.match(
      main(pod)?.state?.waiting?.message ?? '',
      /^back-off 10s restarting failed container=main pod=crash_default\(/,
    )
    assert.equal(pod.status?.phase, 'Running')
    await untilEvent(harness, 'crash', 'BackOff', /^Back-off restarting failed container main in pod crash_default\(/)
  })

  test('exit codes and policies decide the phase', async () => {
    harness.run('good', { restartPolicy: 'OnFailure', containers: [busybox(BUSYBOX_IMAGE, 'exit 0')] })
    harness.run('bad', {
      restartPolicy: 'Never',
      containers: [
        busybox(BUSYBOX_IMAGE, 'echo last words; exit 9', { terminationMessagePolicy: 'FallbackToLogsOnError' }),
      ],
    })
    assert.equal((await harness.until('good', ended)).status?.phase, 'Succeeded')
    const bad = await harness.until('bad', ended)
    assert.equal(bad.status?.phase, 'Failed')
    assert.equal(main(bad)?.state?.terminated?.reason, 'Error')
    assert.equal(main(bad)?.state?.terminated?.message, 'last words\n')
  })

  test('too much memory: OOMKilled', async () => {
    harness.run('oom', {
      restartPolicy: 'Never',
      containers: [
        busybox(BUSYBOX_IMAGE, 'dd if=/dev/zero of=/dev/shm/x bs=1M count=60', {
          command: ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=80M', 'count=1'],
          resources: { limits: { memory: '20Mi' } },
        }),
      ],
    })
    const pod = await harness.until('oom', ended)
    assert.equal(main(pod)?.state?.terminated?.reason, 'OOMKilled')
    assert.equal(main(pod)?.state?.terminated?.exitCode, 137)
  })

  test('a RuntimeClass decides the handler', async () => {
    for (const [name, handler] of [
      ['usual', 'runc'],
      ['odd', 'nosuch'],
    ] as const)
      harness.server.add<RuntimeClass>(RuntimeClasses, { metadata: { name }, handler })
    const containers = [busybox(BUSYBOX_IMAGE, FOREVER)]
    harness.run('class-usual', { runtimeClassName: 'usual', containers })
    harness.run('class-odd', { runtimeClassName: 'odd', containers })
    harness.run('class-none', { runtimeClassName: 'none', containers })
    await harness.until('class-usual', running)
    const failed = 'FailedCreatePodSandBox'
    await untilEvent(harness, 'class-odd', failed, /no runtime for "nosuch" is configured/)
    await untilEvent(
      harness,
      'class-none',
      failed,
      'Failed to create pod sandbox: runtimeclass.node.k8s.io "none" not found',
    )
  })

  test('images that cannot be had', async () => {
    harness.run('never', { containers: [busybox('no/such:1', 'true', { imagePullPolicy: 'Never' })] })
    harness.run('odd', { containers: [busybox('UPPER:1', 'true')] })
    const never = await harness.until('never', each => main(each)?.state?.waiting?.reason === 'ErrImageNeverPull')
    assert.equal(
      main(never)?.state?.waiting?.message,
      'Container image "no/such:1" is not present with pull policy of Never',
    )
    await harness.until('odd', each => main(each)?.state?.waiting?.reason === 'InvalidImageName')
  })

  test('a command that is not there', async () => {
    harness.run('nocmd', {
      restartPolicy: 'Never',
      containers: [busybox(BUSYBOX_IMAGE, '', { command: ['/no/such'] })],
    })
    const pod = await harness.until(
      'nocmd',
      each => ended(each) || main(each)?.state?.waiting?.reason === 'RunContainerError',
    )
    assert.ok(pod)
  })

  test('a container that cannot be created is tried again later, whatever is written of its pod, and at once when that changes', async () => {
    const securityContext = { seccompProfile: { type: 'Localhost', localhostProfile: 'no-such.json' } }
    const waiting = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0]?.state?.waiting
    const attempts = (): number =>
      harness.server
        .list(Events)
        .filter(({ reason, involvedObject }) => reason === 'Failed' && involvedObject.name === 'uncreatable')
        .reduce((sum, { count = 1 }) => sum + count, 0)
    harness.run('uncreatable', { containers: [busybox(BUSYBOX_IMAGE, FOREVER, { securityContext })] })
    await harness.until('uncreatable', pod => waiting(pod)?.reason === 'CreateContainerError')
    for (const label of ['a', 'b', 'c'])
      harness.server.change<Pod>(Pods, 'uncreatable', 'default', each => (each.metadata.labels = { label }))
    await say(harness, 'meanwhile', 'echo that took its time')
    assert.equal(attempts(), 1)
    harness.server.change<Pod>(Pods, 'uncreatable', 'default', each => {
      each.metadata.generation = 2
      each.spec.containers = [busybox(BUSYBOX_IMAGE, FOREVER)]
    })
    await harness.until('uncreatable', running)
  })

  test('probes: startup gates, readiness follows, liveness restarts', async () => {
    harness.run('probes', {
      containers: [
        busybox(BUSYBOX_IMAGE, 'touch /up; sleep 0.5; touch /ready; while :; do sleep 0.05; done', {
          startupProbe: { exec: { command: ['test', '-e', '/up'] }, periodSeconds: 1 },
          readinessProbe: { exec: { command: ['test', '-e', '/ready'] }, periodSeconds: 1 },
          livenessProbe: { exec: { command: ['test', '!', '-e', '/dead'] }, periodSeconds: 1, failureThreshold: 1 },
        }),
      ],
      terminationGracePeriodSeconds: 1,
    })
    await harness.until('probes', each => main(each)?.ready === true)
    await exec(harness, containerd.cri, 'probes', ['rm', '/ready'])
    const unready = await harness.until('probes', each => main(each)?.ready === false && running(each))
    assert.equal(unready.status?.conditions?.find(each => each.type === 'Ready')?.reason, 'ContainersNotReady')
    await exec(harness, containerd.cri, 'probes', ['touch', '/dead'])
    await harness.until('probes', each => main(each)?.restartCount === 1)
    await untilEvent(harness, 'probes', 'Killing', 'Container main failed liveness probe, will be restarted')
    await untilEvent(harness, 'probes', 'Unhealthy', /^Liveness probe failed:/)
  })

  test('http and tcp probes reach the pod', async () => {
    harness.run('http', {
      containers: [
        busybox(BUSYBOX_IMAGE, 'mkdir /www; echo hi > /www/index.html; httpd -f -p 8080 -h /www', {
          ports: [{ name: 'web', containerPort: 8080 }],
          readinessProbe: { httpGet: { path: '/', port: 'web' }, periodSeconds: 1 },
          livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, initialDelaySeconds: 1 },
        }),
      ],
    })
    await harness.until('http', each => main(each)?.ready === true)
  })

  test('hooks: postStart before ready, preStop before the end', async () => {
    harness.run('hooks', {
      containers: [
        busybox(BUSYBOX_IMAGE, 'trap "cat /pre >> /dev/termination-log; exit 0" TERM; while :; do sleep 0.05; done', {
          lifecycle: {
            postStart: { exec: { command: ['touch', '/post'] } },
            preStop: { exec: { command: ['sh', '-c', 'echo bye > /pre'] } },
          },
        }),
      ],
    })
    await harness.until('hooks', running)
    assert.equal(await exec(harness, containerd.cri, 'hooks', ['ls', '/post']), '/post\n')
    let seen = ''
    harness.server.change<Pod>(Pods, 'hooks', 'default', each => {
      each.metadata.deletionTimestamp = new Date().toISOString()
      each.metadata.deletionGracePeriodSeconds = 5
    })
    await harness.until('hooks', each => {
      seen = main(each)?.state?.terminated?.message ?? seen
      return each === undefined
    })
    assert.equal(seen, 'bye\n')
  })

  test('security: users, groups, capabilities, read-only root, files of the node', async () => {
    const text = await say(
      harness,
      'secure',
      'id; touch /nope; grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status; stat -L -c "%a %g" /v/key; cat /etc/hosts | tail -1; cat /etc/resolv.conf; hostname',
      {
        hostname: 'chosen',
        subdomain: 'sub',
        hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }],
        securityContext: {
          runAsUser: 1000,
          runAsGroup: 2000,
          fsGroup: 3000,
          supplementalGroups: [4000],
          seccompProfile: { type: 'RuntimeDefault' },
        },
        volumes: [{ name: 'v', secret: { secretName: 'files2', defaultMode: 0o400 } }],
      },
      {
        securityContext: {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
      },
    )
    assert.match(text, /uid=1000 gid=2000 groups=(2000,)?3000,4000/)
    assert.match(text, /Read-only file system/)
    assert.match(text, /CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2/)
    assert.match(text, /^440 3000$/m)
    assert.match(text, /^1\.2\.3\.4\ta\tb$/m)
    assert.match(text, /nameserver 10\.96\.0\.10/)
    assert.match(text, /search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local/)
    assert.match(text, /^chosen$/m)
  })
  before(() =>
    harness.server.add(Secrets, { metadata: { name: 'files2', namespace: 'default' }, data: { key: 'Sw==' } }),
  )

  test('runAsNonRoot is held to', async () => {
    harness.run('root', { containers: [busybox(BUSYBOX_IMAGE, 'true', { securityContext: { runAsNonRoot: true } })] })
    const pod = await harness.until('root', each => main(each)?.state?.waiting?.reason === 'CreateContainerConfigError')
    assert.match(
      main(pod)?.state?.waiting?.message ?? '',
      /^container has runAsNonRoot and image will run as root \(pod: "root_default\(/,
    )
  })

  test('the host’s network', async () => {
    harness.run('hostnet', { hostNetwork: true, containers: [busybox(BUSYBOX_IMAGE, FOREVER)] })
    const pod = await harness.until('hostnet', running)
    assert.equal(pod.status?.podIP, '127.0.0.1')
    assert.match(await exec(harness, containerd.cri, 'hostnet', ['cat', '/etc/hosts']), /host network/)
    assert.ok(readFileSync('/etc/hosts', 'utf8').length > 0)
  })

  test('a shared process namespace', async () => {
    const text = await say(harness, 'shared', 'ps', { shareProcessNamespace: true })
    assert.match(text, /\/pause/)
  })

  test('an ephemeral container joins a running pod', async () => {
    harness.run('debugged', { containers: [busybox(BUSYBOX_IMAGE, FOREVER)] })
    await harness.until('debugged', running)
    harness.server.change<Pod>(Pods, 'debugged', 'default', each => {
      each.spec.ephemeralContainers = [
        { ...busybox(BUSYBOX_IMAGE, FOREVER), name: 'debug', targetContainerName: 'main' },
      ]
    })
    await harness.until('debugged', each => each?.status?.ephemeralContainerStatuses?.[0]?.state?.running !== undefined)
  })

  test('a pod that takes too long, and pods that do not fit', async () => {
    harness.run('slow', { activeDeadlineSeconds: 1, containers: [busybox(BUSYBOX_IMAGE, FOREVER)] })
    harness.run('huge', { containers: [busybox(BUSYBOX_IMAGE, FOREVER, { resources: { requests: { cpu: '999' } } })] })
    const huge = await harness.until('huge', ended)
    assert.equal(huge.status?.reason, 'OutOfcpu')
    const slow = await harness.until('slow', each => ended(each) && each?.status?.reason === 'DeadlineExceeded')
    assert.equal(slow.status?.phase, 'Failed')
  })
})
