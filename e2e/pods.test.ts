/** What a kubelet does for pods, seen through a real kubectl: one pod of `manifests/pods.yaml` for each thing. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type CommandResult, containerSkip, TestCluster } from './support/cluster.ts'
import { allKubectls } from './support/kubectl.ts'
import { Terminal } from './support/terminal.ts'
import { until as untilSo } from './support/until.ts'

/** kubectl chooses the port, so that nobody takes it meanwhile. */
const FORWARDED = /Forwarding from 127\.0\.0\.1:(\d+)/
const manifest = fileURLToPath(new URL('manifests/pods.yaml', import.meta.url))

describe('pods', { skip: containerSkip() }, () => {
  const cluster = new TestCluster('pods')
  const { kubectl } = cluster
  const hooks = join(cluster.home, 'hooks')

  const field = (pod: string, path: string): Promise<string> =>
    kubectl.run(['get', 'pod', pod, '-o', `jsonpath={${path}}`])
  const until = (pod: string, path: string, value: string): Promise<string> =>
    kubectl.wait(`pod/${pod}`, `jsonpath={${path}}=${value}`)
  const ended = (pod: string, phase: 'Succeeded' | 'Failed'): Promise<string> => until(pod, '.status.phase', phase)
  const main = '.status.containerStatuses[0]'
  const sh = (pod: string, script: string): Promise<string> =>
    kubectl.run(['exec', pod, '-c', 'main', '--', 'sh', '-c', script])
  const events = (pod: string): Promise<string> =>
    kubectl.run(['events', '--for', `pod/${pod}`, '-o', 'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}'])
  /** They are written beside the status, not with it. */
  const untilEvents = async (pod: string, pattern: RegExp): Promise<void> => {
    let seen = ''
    await untilSo(
      () => `${pattern}: ${seen}`,
      async () => {
        seen = await events(pod)
        return pattern.test(seen)
      },
    )
  }

  const dns = async (): Promise<string> =>
    `${await kubectl.run(['get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}'])}0`

  before(async () => {
    await cluster.up()
    const text = readFileSync(manifest, 'utf8').replaceAll('HOOKS', hooks)
    await kubectl.run(['apply', '-f', '-'], { input: text })
  })
  after(() => cluster.remove())

  describe('life', () => {
    it('a container that fails is started again, later each time', async () => {
      await until('restart-always', `${main}.state.waiting.reason`, 'CrashLoopBackOff')
      assert.match(
        await field('restart-always', `${main}.state.waiting.message`),
        /^back-off \d+s restarting failed container=main pod=restart-always_default\([0-9a-f-]{36}\)$/,
      )
      assert.equal(await field('restart-always', `${main}.lastState.terminated.exitCode`), '7')
      assert.equal(await kubectl.run(['logs', 'restart-always', '--previous']), 'failing\n')
      await untilEvents(
        'restart-always',
        /BackOff: Back-off restarting failed container main in pod restart-always_default\(/,
      )
    })

    it('restartPolicy Never and OnFailure', async () => {
      await ended('restart-never-failed', 'Failed')
      assert.equal(await field('restart-never-failed', `${main}.restartCount`), '0')
      await ended('restart-on-failure', 'Succeeded')
      assert.equal(await field('restart-on-failure', `${main}.restartCount`), '1')
    })

    it('termination messages come from the file or from the log', async () => {
      assert.equal(await field('restart-never-failed', `${main}.state.terminated.message`), 'the reason')
      await ended('message-from-logs', 'Failed')
      assert.equal(await field('message-from-logs', `${main}.state.terminated.message`), 'last words\n')
    })

    it('init containers run in order, with a sidecar that stays', async () => {
      await kubectl.wait('pod/init', 'condition=Ready')
      assert.equal(await sh('init', 'cat /stage/order'), 'first\nsidecar\nlast\n')
      assert.match(await kubectl.run(['get', 'pod', 'init']), /init +2\/2 +Running +0 /)
    })

    it('a failed init container fails the pod; the end of the main container ends the sidecar', async () => {
      await ended('init-failed', 'Failed')
      assert.match(await kubectl.run(['get', 'pod', 'init-failed']), / 0\/1 +Init:Error +0 /)
      assert.equal(await field('init-failed', `${main}.state.waiting.reason`), 'PodInitializing')
      await ended('sidecar-job', 'Succeeded')
    })

    it('images that cannot be had say why', async () => {
      await until('no-such-image', `${main}.state.waiting.reason`, 'ImagePullBackOff')
      assert.match(
        await field('no-such-image', `${main}.state.waiting.message`),
        /^Back-off pulling image "nosuch:1": ErrImagePull: /,
      )
      await untilEvents('no-such-image', /Failed: Failed to pull image "nosuch:1": [\s\S]*Failed: Error: ErrImagePull/)
      await until('never-pulled', `${main}.state.waiting.reason`, 'ErrImageNeverPull')
      await until('bad-image-name', `${main}.state.waiting.reason`, 'InvalidImageName')
    })

    it('containers that cannot be made or started say why', async () => {
      await until('missing-config', `${main}.state.waiting.reason`, 'CreateContainerConfigError')
      assert.equal(await field('missing-config', `${main}.state.waiting.message`), 'configmap "nowhere" not found')
      await until('not-as-root', `${main}.state.waiting.reason`, 'CreateContainerConfigError')
      assert.match(
        await field('not-as-root', `${main}.state.waiting.message`),
        /^container has runAsNonRoot and image will run as root \(pod: "not-as-root_default/,
      )
      await ended('no-such-program', 'Failed')
      assert.equal(await field('no-such-program', `${main}.state.terminated.reason`), 'StartError')
      assert.equal(await field('no-such-program', `${main}.state.terminated.exitCode`), '128')
      await until('unschedulable', '.status.conditions[0].reason', 'Unschedulable')
      assert.match(
        await field('unschedulable', '.status.conditions[0].message'),
        /^0\/1 nodes are available: 1 node\(s\) didn't match Pod's node affinity\/selector\./,
      )
    })

    it('hooks run after the start and before the end, which is graceful', async () => {
      await kubectl.wait('pod/hooks', 'condition=Ready')
      await kubectl.run(['delete', 'pod', 'hooks'])
      assert.equal(readFileSync(join(hooks, 'log'), 'utf8'), 'started\nstopping\nstopped\n')
      await ended('post-start-fails', 'Failed')
      await untilEvents('post-start-fails', /FailedPostStartHook: PostStartHook failed/)
    })

    it('activeDeadlineSeconds ends a pod', async () => {
      await ended('deadline', 'Failed')
      assert.equal(await field('deadline', '.status.reason'), 'DeadlineExceeded')
    })
  })

  describe('what a container sees', () => {
    it('its environment, with references resolved', async () => {
      await ended('environment', 'Succeeded')
      const lines = (await kubectl.run(['logs', 'environment'])).split('\n')
      const ip = await field('environment', '.status.podIP')
      for (const expected of [
        'NAME=environment',
        'NODE=pods',
        `IP=${ip}`,
        'TIER=one',
        'ACCOUNT=default',
        'MEMORY=32',
        'CPU=100',
        'COLOR=green',
        'PASS=s3cret',
        'USER=admin',
        'PASSWORD=s3cret',
        'S_color=green',
        'S_shape=round',
        'JOINED=I am environment, not $(NAME) nor $(NOBODY)',
        'arguments: environment $(NAME)',
        'HOSTNAME=environment',
      ])
        assert.ok(lines.includes(expected), `${expected} is missing in ${lines.join('\n')}`)
    })

    it('its volumes', async () => {
      await kubectl.wait('pod/volumes', 'condition=Ready')
      assert.equal(await sh('volumes', 'cat /settings/deep/color; echo; cat /one/color'), 'green\ngreen')
      assert.equal(await sh('volumes', 'cat /secret/USER /all/user /all/shape'), 'adminadminround')
      assert.equal(await sh('volumes', 'cat /down/labels; echo; cat /down/memory'), 'app="volumes"\n33554432')
      assert.match(await sh('volumes', 'grep " /memory " /proc/mounts'), /^tmpfs \/memory tmpfs rw.*size=16384k/)
      assert.equal(await sh('volumes', 'touch /part/x; ls /disk'), 'volumes\n')
      assert.equal(await sh('volumes', 'stat -L -c "%g %a" /disk/volumes /secret/USER'), '2345 2777\n2345 440\n')
      assert.equal(await sh('volumes', 'cat /host/hostname'), readFileSync('/etc/hostname', 'utf8'))
      await assert.rejects(sh('volumes', 'touch /host/nothing'), /Read-only file system/)
      const [, claims = ''] = (await sh('volumes', 'cat /all/token')).split('.')
      const token = JSON.parse(Buffer.from(claims, 'base64url').toString())
      assert.deepEqual([token.aud, token.sub], [['somebody'], 'system:serviceaccount:default:default'])
      assert.equal(token.exp - token.iat, 600)
    })

    it('names: host name, aliases, search domains, the processes of the other container', async () => {
      await kubectl.wait('pod/names', 'condition=Ready')
      assert.equal(await sh('names', 'hostname; hostname -f'), 'myself\nmyself.family.default.svc.cluster.local\n')
      assert.match(await sh('names', 'cat /etc/hosts'), /^10\.9\.8\.7\tfar\.example\tfar$/m)
      assert.equal(
        await sh('names', 'cat /etc/resolv.conf'),
        `search default.svc.cluster.local svc.cluster.local cluster.local more.example\nnameserver ${await dns()}\noptions ndots:5 timeout:3\n`,
      )
      assert.match(await sh('names', 'ps'), /sleep 1001/)
      assert.equal(await sh('names', 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start'), '80\n')
    })

    it('the rights it was given', async () => {
      await ended('security', 'Failed')
      const log = await kubectl.run(['logs', 'security'])
      assert.match(log, /^uid=1234 gid=2345 groups=2345,3456$/m)
      assert.match(log, /^CapBnd:\t0000000000000400$/m)
      assert.match(log, /^NoNewPrivs:\t1$/m)
      assert.match(log, /^Seccomp:\t2$/m)
      assert.match(log, /touch: \/file: Read-only file system/)
      await ended('privileged', 'Succeeded')
      assert.equal(await kubectl.run(['logs', 'privileged']), 'mounted\n')
    })

    it('the network of the host', async () => {
      await ended('host-network', 'Succeeded')
      assert.equal(await field('host-network', '.status.podIP'), await field('host-network', '.status.hostIP'))
      assert.ok((await kubectl.run(['logs', 'host-network'])).includes(`nameserver ${await dns()}\n`))
    })

    it('the API server, as its service account', async () => {
      await kubectl.wait('pod/gate', 'condition=Ready')
      const ask = (path: string): Promise<string> =>
        sh(
          'gate',
          `timeout 60 wget -qO- --header "Authorization: Bearer $(cat /var/run/secrets/kubernetes.io/serviceaccount/token)" http://127.0.0.1:8080${path}`,
        )
      await assert.rejects(ask('/api/v1/namespaces/default/pods'), /403 Forbidden/)
      await kubectl.run(['create', 'rolebinding', 'view', '--clusterrole=view', '--serviceaccount=default:default'])
      assert.match(await ask('/api/v1/namespaces/default/pods/gate'), /"kind": ?"Pod"/)
      await assert.rejects(ask('/api/v1/namespaces/default/secrets'), /403 Forbidden/)
    })
  })

  describe('resources and probes', () => {
    it('too much memory is OOMKilled', async () => {
      await ended('out-of-memory', 'Failed')
      assert.equal(await field('out-of-memory', `${main}.state.terminated.reason`), 'OOMKilled')
      assert.equal(await field('out-of-memory', `${main}.state.terminated.exitCode`), '137')
    })

    it('quality of service decides the cgroup', async () => {
      for (const [pod, quality, directory] of [
        ['volumes', 'Guaranteed', /\/kubepods\/pod/],
        ['burstable', 'Burstable', /\/kubepods\/burstable\/pod/],
        ['talker', 'BestEffort', /\/kubepods\/besteffort\/pod/],
      ] as const) {
        assert.equal(await field(pod, '.status.qosClass'), quality)
        assert.match(await sh(pod, 'cat /proc/self/cgroup'), directory)
      }
    })

    it('a running container gets other resources, but not more than its node has', async () => {
      await kubectl.wait('pod/resized', 'condition=Ready')
      const resize = async (request: string, limit: string): Promise<CommandResult> => {
        // not every kubectl knows --subresource resize
        const path = '/api/v1/namespaces/default/pods/resized/resize'
        const body = join(cluster.home, 'resize.json')
        const pod = JSON.parse(await kubectl.run(['get', 'pod', 'resized', '-o', 'json']))
        Object.assign(pod.spec.containers[0].resources.requests, { cpu: request })
        Object.assign(pod.spec.containers[0].resources.limits, { cpu: limit })
        writeFileSync(body, JSON.stringify(pod))
        return kubectl.try(['replace', '--raw', path, '-f', body])
      }
      assert.equal((await resize('60m', '200m')).code, 0)
      await until('resized', `${main}.resources.limits.cpu`, '200m')
      const quota = 'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d" " -f1 /sys/fs/cgroup/cpu.max'
      assert.equal(await sh('resized', quota), '20000\n')
      assert.equal(await field('resized', `${main}.restartCount`), '0')
      await untilEvents('resized', /ResizeCompleted: Pod resize completed: \{"containers":/)
      assert.match(
        (await resize('1k', '2k')).stderr,
        /node didn't have enough allocatable resources: cpu, requested: 1000000/,
      )
    })

    it('liveness restarts, startup and readiness gate', async () => {
      await until('probes', `${main}.started`, 'true')
      assert.equal(await field('probes', `${main}.ready`), 'false')
      await untilEvents('probes', /Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404/)
      await kubectl.run(['exec', 'probes', '--', 'touch', '/www/ready.txt'])
      await kubectl.wait('pod/probes', 'condition=Ready')
      await kubectl.wait('pod/grpc-probe', 'condition=Ready')
      await untilSo('it is restarted', async () => Number(await field('liveness-exec', `${main}.restartCount`)) > 0)
      await untilEvents('liveness-exec', /Killing: Container main failed liveness probe, will be restarted/)
    })
  })

  describe('talking to it', () => {
    it('logs: tail, timestamps, containers, since, follow', async () => {
      assert.equal(await kubectl.run(['logs', 'talker', '-c', 'other']), 'from the other\n')
      const all = await kubectl.run(['logs', 'talker', '--all-containers', '--prefix'])
      assert.match(all, /^\[pod\/talker\/main\] line 5$/m)
      assert.match(all, /^\[pod\/talker\/other\] from the other$/m)
      assert.equal((await kubectl.run(['logs', 'talker', '-c', 'main', '--tail=2'])).split('\n').length, 3)
      assert.match(
        await kubectl.run(['logs', 'talker', '-c', 'main', '--timestamps']),
        /^\d{4}-\d\d-\d\dT[\d:]+\.\d+Z line 1$/m,
      )
      assert.equal(await kubectl.run(['logs', 'talker', '-c', 'other', '--since=1s']), '')
      const followed = await kubectl.run(['logs', '-f', 'liveness-exec'])
      assert.equal(followed, '')
      const wrong = await kubectl.try(['logs', 'talker', '-c', 'nobody'])
      assert.match(wrong.stderr, /container nobody is not valid for pod talker/)
    })

    it('exec with standard input', async () => {
      const echoed = await kubectl.run(['exec', '-i', 'volumes', '--', 'cat'], { input: 'a'.repeat(300_000) })
      assert.equal(echoed.length, 300_000)
      const { code, stderr } = await kubectl.try(['exec', 'volumes', '--', 'sh', '-c', 'exit 9'])
      assert.deepEqual([code, stderr.trim()], [9, 'command terminated with exit code 9'])
    })

    // the newest speaks WebSocket, the oldest SPDY
    for (const program of [...new Set([allKubectls()[0]!, ...allKubectls().slice(1).sort().slice(0, 1)])])
      for (const command of [
        ['exec', '-it', 'terminal', '--', 'sh'],
        ['attach', '-it', 'terminal'],
      ])
        it(`${basename(program)} ${command.join(' ')}: the container sees the window and its changes`, async () => {
          await kubectl.wait('pod/terminal', 'condition=Ready')
          const environment = { KUBECONFIG: cluster.kubeconfig }
          const terminal = new Terminal([program, ...command], environment, { rows: 33, columns: 77 })
          try {
            if (command[0] === 'attach') await terminal.until(/pressing enter/)
            // a shell that looks again and again: the window's size may come after the process
            const untilSize = (size: string): string => `until [ "$(stty size)" = "${size}" ]; do :; done; echo is $?\n`
            terminal.type(untilSize('33 77'))
            await terminal.until(/is 0\r/)
            terminal.resize(50, 120)
            terminal.type(untilSize('50 120'))
            await terminal.until(/is 0\r/)
          } finally {
            await terminal.close()
          }
        })

    it('attach reaches the standard input', async () => {
      // The answer is looked for in the log: the runtime may pass the input on before it has joined the output.
      const heard = new AbortController()
      const attached = kubectl.try(['attach', '-i', 'talker', '-c', 'main'], {
        input: 'hello there\n',
        signal: heard.signal,
      })
      await kubectl.followUntil(['logs', '-f', 'talker', '-c', 'main'], /heard hello there/)
      heard.abort()
      await attached
    })

    it('cp in both directions', async () => {
      const [from, to] = [join(cluster.home, 'from'), join(cluster.home, 'to')]
      writeFileSync(from, 'carried')
      await kubectl.run(['cp', from, 'volumes:/disk/carried'])
      await kubectl.run(['cp', 'volumes:/disk/carried', to])
      assert.equal(readFileSync(to, 'utf8'), 'carried')
    })

    it('port-forward', async () => {
      const stop = new AbortController()
      const forwarding = kubectl.follow(['port-forward', 'pod/probes', ':80'], stop.signal)
      const [, port] = FORWARDED.exec(await forwarding.until(FORWARDED))!
      assert.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /Hello from Canopus!/)
      stop.abort()
      await forwarding.ended
    })

    it('debug containers join a running pod', async () => {
      await kubectl.run([
        'debug',
        'talker',
        '--image=busybox',
        '--profile=general',
        '--target=main',
        '-c',
        'debugger',
        '--',
        'ps',
      ])
      await until('talker', '.status.ephemeralContainerStatuses[0].state.terminated.reason', 'Completed')
      assert.match(await kubectl.run(['logs', 'talker', '-c', 'debugger']), /1 root +sh -c for i in/)
    })

    it('what pods use is served', async () => {
      await kubectl.wait('apiservice/v1beta1.metrics.k8s.io', 'condition=Available')
    })

    it('the first node is the control plane’s, and takes everybody’s pods', async () => {
      assert.match(await kubectl.run(['get', 'nodes']), /^pods +Ready +control-plane /m)
      assert.equal(await kubectl.run(['get', 'node', 'pods', '-o', 'jsonpath={.spec.taints}']), '')
    })

    it('the node is described', async () => {
      const text = await kubectl.run(['describe', 'node', 'pods'])
      assert.match(text, /^Non-terminated Pods: +\(\d+ in total\)$/m)
      assert.match(text, /^ +Ready +True .*KubeletReady +kubelet is posting ready status$/m)
      assert.match(text, /Container Runtime Version: +containerd:\/\//)
      assert.match(await kubectl.run(['describe', 'pod', 'volumes']), /^QoS Class: +Guaranteed$/m)
    })
  })

  it('changes of config maps reach the pods that mount them', async () => {
    await kubectl.run(['patch', 'configmap', 'settings', '-p', '{"data":{"color":"blue"}}'])
    await sh('volumes', 'for i in $(seq 600); do grep -q blue /settings/deep/color && exit 0; sleep 0.1; done; exit 1')
    assert.equal(await sh('volumes', 'cat /all/color; cat /one/color'), 'bluegreen')
  })

  it('all of them are deleted', async () => {
    const { code } = await kubectl.try(['delete', 'pods', '--all', '--grace-period=1', '--timeout=170s'])
    assert.equal(code, 0, await kubectl.run(['get', 'pods', '-o', 'wide']))
    assert.equal(existsSync(join(hooks, 'log')), true)
    assert.equal(await kubectl.run(['get', 'pods', '-o', 'name']), '')
  })
})
