/** Services, cluster DNS and what must not be reachable, from a pod and from the node. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { promises as resolver } from 'node:dns'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sleep } from '../packages/base/src/index.ts'
import { systemClock } from '../packages/platform/src/index.ts'
import { containerSkip, TestCluster } from './support/cluster.ts'

const manifest = fileURLToPath(new URL('manifests/network.yaml', import.meta.url))
/** memcached's frame header for UDP, then the text protocol. */
const VERSION_QUESTION = Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 1, 0, 0]), Buffer.from('version\r\n')])
const domain = 'default.svc.cluster.local'

describe('network', { skip: containerSkip() }, () => {
  const cluster = new TestCluster('network')
  const { kubectl } = cluster
  const dns = new resolver.Resolver({ timeout: 2000, tries: 2 })
  let dnsAddress = ''
  let nodeAddress = ''

  const address = (service: string): Promise<string> =>
    kubectl.run(['get', 'service', service, '-o', 'jsonpath={.spec.clusterIP}'])
  const podAddresses = async (label: string): Promise<string[]> =>
    (await kubectl.run(['get', 'pods', '-l', label, '-o', 'jsonpath={.items[*].status.podIP}'])).split(' ').sort()
  const podNames = async (label: string): Promise<string[]> =>
    (await kubectl.run(['get', 'pods', '-l', label, '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ').sort()
  const fromPod = (url: string, pod = 'client', seconds = 30): Promise<string> =>
    kubectl.run(['exec', pod, '--', 'timeout', String(seconds), 'wget', '-qO-', `http://${url}`])
  const fromNode = async (url: string): Promise<string> =>
    (await fetch(`http://${url}`, { signal: AbortSignal.timeout(30_000), headers: { connection: 'close' } })).text()

  before(async () => {
    await cluster.up()
    await kubectl.run(['apply', '-f', manifest])
    await kubectl.wait('deployment/web', 'condition=Available')
    await kubectl.run([
      'wait',
      'pod/client',
      'pod/datagrams',
      'pod/own-port',
      '--for=condition=Ready',
      '--timeout=170s',
    ])
    dnsAddress = `${await address('kubernetes')}0`
    dns.setServers([dnsAddress])
    nodeAddress = await kubectl.run(['get', 'node', 'network', '-o', 'jsonpath={.status.addresses[0].address}'])
  })
  after(() => cluster.remove())

  describe('services', () => {
    it('lead to every endpoint, on each port, from a pod and from the node', async () => {
      const ip = await address('web')
      const seen = new Set<string>()
      for (let attempt = 0; attempt < 40 && seen.size < 2; attempt++)
        seen.add((await fromNode(`${ip}/cgi-bin/hostname`)).trim())
      assert.deepEqual([...seen].sort(), await podNames('app=web'))
      for (const url of [ip, `${ip}:81`, 'web', 'web:81', `web.${domain}`])
        assert.match(await fromPod(url), /Hello from Canopus!/)
      assert.match(await fromNode(`${ip}:81`), /Hello from Canopus!/)
    })

    it('have node ports and host ports', async () => {
      for (const port of [31234, 18345]) {
        assert.match(await fromNode(`${nodeAddress}:${port}`), /Hello from Canopus!/)
        assert.match(await fromPod(`${nodeAddress}:${port}`), /Hello from Canopus!/)
      }
    })

    it('stick to an endpoint where they are told to', async () => {
      const seen = new Set<string>()
      for (let attempt = 0; attempt < 8; attempt++) seen.add(await fromPod('sticky/cgi-bin/hostname'))
      assert.equal(seen.size, 1)
    })

    it('carry UDP', async () => {
      const answer = await memcachedVersion(await address('udp'), 53)
      assert.match(answer, /VERSION \d+\./)
    })

    it('lead a pod to itself', async () => {
      const [pod] = await podNames('app=web')
      const ip = await address('web')
      const seen = new Set<string>()
      for (let attempt = 0; attempt < 30 && !seen.has(pod!); attempt++)
        seen.add(
          (
            await kubectl.run([
              'exec',
              pod!,
              '-c',
              'http',
              '--',
              'timeout',
              '3',
              'wget',
              '-qO-',
              `http://${ip}/cgi-bin/hostname`,
            ])
          ).trim(),
        )
      assert.ok(seen.has(pod!), `${pod} saw only ${[...seen]}`)
    })

    it('without endpoints refuse at once', async () => {
      const ip = await address('empty')
      assert.equal(await connection(ip, 80), 'ECONNREFUSED')
      await assert.rejects(fromPod(ip), /Connection refused/)
    })

    it('follow the readiness of their endpoints', async () => {
      const [first, second] = await podNames('app=web')
      await kubectl.run(['exec', first!, '-c', 'http', '--', 'touch', '/unready'])
      await kubectl.wait(`pod/${first}`, 'condition=Ready=False')
      const slices = [
        'get',
        'endpointslices',
        '-l',
        'kubernetes.io/service-name=web',
        '-o',
        'jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].targetRef.name}',
      ]
      assert.equal(
        await eventually(
          () => kubectl.run(slices),
          names => names === second,
        ),
        second,
      )
      const headless = await eventually(
        () => dns.resolve4(`headless.${domain}`),
        found => found.length === 1,
      )
      assert.equal(headless.length, 1)
      for (let attempt = 0; attempt < 8; attempt++) assert.equal((await fromPod('web/cgi-bin/hostname')).trim(), second)
      await kubectl.run(['exec', first!, '-c', 'http', '--', 'rm', '/unready'])
      await kubectl.wait(`pod/${first}`, 'condition=Ready')
    })

    it('reach the API server by its well-known name', async () => {
      assert.equal(await connection(await address('kubernetes'), 443), 'connected')
      await kubectl.run(['exec', 'client', '--', 'sh', '-c', `echo | timeout 3 nc kubernetes.${domain} 443`])
    })
  })

  describe('DNS', () => {
    it('A records: services, headless services, pods', async () => {
      assert.deepEqual(await dns.resolve4(`web.${domain}`), [await address('web')])
      const headless = await eventually(
        () => dns.resolve4(`headless.${domain}`),
        found => found.length === 2,
      )
      assert.deepEqual(headless.sort(), await podAddresses('app=web'))
      const [datagrams] = await podAddresses('app=datagrams')
      assert.deepEqual(await dns.resolve4(`one.datagrams.${domain}`), [datagrams])
      assert.deepEqual(await dns.resolve4(`${datagrams!.replaceAll('.', '-')}.default.pod.cluster.local`), [datagrams])
    })

    it('AAAA records, where endpoints have such addresses', async () => {
      assert.deepEqual((await dns.resolve6(`six.${domain}`)).sort(), ['2001:db8::5', '2001:db8::6'])
      assert.deepEqual(await dns.resolve6(`six-0.six.${domain}`), ['2001:db8::5'])
      assert.deepEqual(await dns.resolve6('2001-db8--5.default.pod.cluster.local'), ['2001:db8::5'])
      assert.deepEqual(await dns.reverse('2001:db8::6'), [`2001-db8--6.six.${domain}`])
      await assert.rejects(dns.resolve4(`six.${domain}`), { code: 'ENODATA' })
    })

    it('SRV, PTR and CNAME records', async () => {
      const [server] = await dns.resolveSrv(`_second._tcp.web.${domain}`)
      assert.deepEqual([server?.name, server?.port], [`web.${domain}`, 81])
      assert.equal((await dns.resolveSrv(`_http._tcp.headless.${domain}`)).length, 2)
      assert.deepEqual(await dns.reverse(await address('web')), [`web.${domain}`])
      assert.deepEqual(await dns.resolveCname(`elsewhere.${domain}`), [`web.${domain}`])
      assert.match(await fromPod('elsewhere'), /Hello from Canopus!/)
    })

    it('a name without such a record is empty, one that nobody has does not exist', async () => {
      await assert.rejects(dns.resolve6(`web.${domain}`), { code: 'ENODATA' })
      await assert.rejects(dns.resolve4(`nothing.${domain}`), { code: 'ENOTFOUND' })
    })

    it('over TCP', { skip: spawnSync('dig', ['-v']).error ? 'needs dig' : false }, () => {
      const { stdout } = spawnSync('dig', ['+tcp', '+short', `@${dnsAddress}`, `web.${domain}`], { encoding: 'utf8' })
      assert.match(stdout, /^\d+\.\d+\.\d+\.\d+\n$/)
    })

    it('from a pod, through its search domains', async () => {
      for (const name of ['web', 'web.default', 'web.default.svc', `web.${domain}`])
        assert.match(await fromPod(name), /Hello from Canopus!/)
    })
  })

  it('who stuck to an endpoint is free again after the time that the service says', async () => {
    const config = { spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } } }
    await kubectl.run(['patch', 'service', 'sticky', '-p', JSON.stringify(config)])
    const url = `${await address('sticky')}/cgi-bin/hostname`
    const seen = new Set<string>()
    // each time that it has run out leads to either of two
    for (let attempt = 0; attempt < 20 && seen.size < 2; attempt++) {
      seen.add(await fromNode(url))
      await sleep(systemClock, 1500)
    }
    assert.equal(seen.size, 2)
  })

  it('a flow of UDP goes on to another endpoint where its own is gone', async () => {
    const host = await address('udp')
    const socket = createSocket('udp4')
    const ask = async (): Promise<string> => {
      socket.send(VERSION_QUESTION, 53, host)
      return Promise.race([
        once(socket, 'message').then(([message]) => message.subarray(8).toString()),
        sleep(systemClock, 500).then(() => ''),
      ])
    }
    assert.match(await eventually(ask, answer => answer !== ''), /VERSION/)
    const labels = '--labels=app=datagrams'
    await kubectl.run(['run', 'datagrams-2', '--image=memcached', labels, '--', 'memcached', '-U', '11211'])
    await kubectl.wait('pod/datagrams-2', 'condition=Ready')
    await kubectl.run(['delete', 'pod', 'datagrams', '--grace-period=1'])
    // every question keeps the kernel's memory of the flow alive
    assert.match(await eventually(ask, answer => answer !== ''), /VERSION/)
    socket.close()
  })

  it('nobody answers at addresses that nobody has', async () => {
    const services = (await address('web')).split('.').slice(0, 2).join('.')
    const [pod] = await podAddresses('app=client')
    const pods = pod!.split('.').slice(0, 3).join('.')
    for (const dead of [`${services}.222.222`, `${pods}.253`]) {
      assert.notEqual(await connection(dead, 80), 'connected')
      await assert.rejects(fromPod(dead, 'client', 3))
    }
  })
})

/** 'connected', 'timeout' or the error's code. */
function connection(host: string, port: number): Promise<string> {
  return new Promise(resolve => {
    const socket = connect({ host, port })
    const end = (result: string): void => {
      socket.destroy()
      resolve(result)
    }
    socket.setTimeout(1500, () => end('timeout'))
    socket.once('connect', () => end('connected'))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
  })
}

/** Asks again for half a minute until the answer is right; the last answer, right or wrong. */
async function eventually<T>(ask: () => Promise<T>, right: (answer: T) => boolean): Promise<T> {
  let answer = await ask()
  for (const end = systemClock.monotonic() + 120_000; systemClock.monotonic() < end && !right(answer); ) {
    await sleep(systemClock, 20)
    answer = await ask()
  }
  return answer
}

function memcachedVersion(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.once('message', message => {
      socket.close()
      resolve(message.subarray(8).toString())
    })
    socket.once('error', reject)
    socket.send(VERSION_QUESTION, port, host)
  })
}
