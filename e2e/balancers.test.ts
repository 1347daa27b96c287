/** Services of type LoadBalancer on a cluster without a cloud, and what pods use. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { containerSkip, TestCluster } from './support/cluster.ts'

describe('load balancers and metrics', { skip: containerSkip() }, () => {
  const cluster = new TestCluster('balancers')
  const { kubectl } = cluster
  let address = ''

  /** The body, or how curl failed. */
  const curl = (url: string): Promise<string> =>
    new Promise(resolve =>
      execFile('curl', ['-sS', '--max-time', '2', url], (error, out, err) => resolve(error ? err : out)),
    )
  const field = (path: string): Promise<string> => kubectl.run(['get', 'service', 'hello', '-o', `jsonpath={${path}}`])
  const patch = (spec: object): Promise<string> =>
    kubectl.run(['patch', 'service', 'hello', '-p', JSON.stringify({ spec })])

  before(async () => {
    await cluster.up()
    await kubectl.run(['create', 'deployment', 'hello', '--image=canopus/hello'])
    await kubectl.wait('deployment/hello', 'condition=Available')
  })
  after(() => cluster.remove())

  it('have an address that this machine reaches', async () => {
    await kubectl.run(['expose', 'deployment', 'hello', '--type=LoadBalancer', '--port=80'])
    await kubectl.run(['wait', 'service/hello', '--for=jsonpath={.status.loadBalancer.ingress}', '--timeout=170s'])
    address = await field('.status.loadBalancer.ingress[0].ip')
    assert.equal(await field('.status.loadBalancer.ingress[0].ipMode'), 'VIP')
    assert.equal(await field('.metadata.finalizers[0]'), 'service.kubernetes.io/load-balancer-cleanup')
    await eventually(
      () => curl(`http://${address}/`),
      text => /Hello from Canopus!/.test(text),
    )
    await eventually(
      () => kubectl.run(['describe', 'service', 'hello']),
      text => /EnsuredLoadBalancer.*service-controller/.test(text),
    )
    const events = await kubectl.run(['get', 'events', '--field-selector=involvedObject.name=hello', '-o', 'name'])
    assert.notEqual(events, '')
  })

  it('let in only those that they are told to', async () => {
    await patch({ loadBalancerSourceRanges: ['192.0.2.0/24'] })
    await eventually(
      () => curl(`http://${address}/`),
      text => /timed out/.test(text),
    )
    await patch({ loadBalancerSourceRanges: null })
    await eventually(
      () => curl(`http://${address}/`),
      text => /Hello/.test(text),
    )
  })

  it('are told which nodes have endpoints', async () => {
    await patch({ externalTrafficPolicy: 'Local' })
    const port = await field('.spec.healthCheckNodePort')
    const answer = await eventually(
      () => curl(`http://${address}:${port}/`),
      text => /localEndpoints/.test(text),
    )
    assert.deepEqual(JSON.parse(answer), {
      service: { namespace: 'default', name: 'hello' },
      localEndpoints: 1,
      serviceProxyHealthy: true,
    })
    await eventually(
      () => curl(`http://${address}/`),
      text => /Hello/.test(text),
    )
  })

  it('go with their service', async () => {
    await kubectl.run(['delete', 'service', 'hello', '--timeout=170s'])
    await eventually(
      () => curl(`http://${address}/`),
      text => /refused|Couldn't connect/.test(text),
    )
  })

  it('kubectl top shows what nodes and pods use', async () => {
    const nodes = await eventually(
      () => kubectl.run(['top', 'nodes']).catch(error => String(error)),
      text => /^balancers +\d+m +\d+% +\d+Mi +\d+%/m.test(text),
    )
    assert.match(nodes, /^NAME +CPU\(cores\)/)
    await eventually(
      () => kubectl.run(['top', 'pods', '--containers']).catch(error => String(error)),
      text => /^hello-\S+ +hello +\d+m +\d+Mi/m.test(text),
    )
  })
})

/** Asks until the answer is right; fails with the last one after three minutes. */
async function eventually(ask: () => Promise<string>, right: (answer: string) => boolean): Promise<string> {
  const until = Date.now() + 180_000
  for (;;) {
    const answer = await ask()
    if (right(answer)) return answer
    if (Date.now() > until) assert.fail(answer)
    await new Promise(resolve => setTimeout(resolve, 250))
  }
}
