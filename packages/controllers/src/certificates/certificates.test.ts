import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { CertificateSigningRequests, Nodes } from '@canopus/api'
import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import type { Node } from '@canopus/api/core/v1'
import type { Draft } from '@canopus/apimachinery'
import { createWorld, type World } from '../testing/world.ts'
import { createCsrApprover } from './approver.ts'
import { createCsrCleaner, endOfUse } from './cleaner.ts'
import type { CsrSigner } from './csr-signer.ts'
import { createCsrSigningController } from './signer.ts'

/** Signs what is named `good`, refuses what is named `bad`, and leaves the rest alone. */
const csrSigner: CsrSigner = {
  autoApprovals: async () => [],
  servingRequest: async csr => (csr.spec.username ? { node: csr.spec.username, hosts: ['n1', '10.0.0.1'] } : undefined),
  async sign({ metadata: { name } }) {
    if (name === 'good') return { kind: 'signed', certificate: 'Q0VSVA==' }
    return name === 'bad' ? { kind: 'failed', message: 'no good' } : { kind: 'foreign' }
  },
}

const draft = (name: string, spec: object = {}): Draft<CertificateSigningRequest> =>
  ({ metadata: { name }, spec: { request: '', signerName: 'x/y', ...spec } }) as Draft<CertificateSigningRequest>

describe('certificate requests', () => {
  let world: World
  beforeEach(() => {
    world = createWorld()
  })
  afterEach(() => world.stop())
  const requests = () => world.context.client.resource(CertificateSigningRequests)
  async function create(name: string, spec?: object, ...types: string[]): Promise<void> {
    const made = await requests().create(draft(name, spec))
    const conditions = types.map(type => ({ type, status: 'True' }))
    if (types.length > 0) await requests().updateStatus({ ...made, status: { conditions } })
  }

  it('are signed, failed or left alone, once they are approved', async () => {
    await world.start(createCsrSigningController(world.context, { csrSigner }))
    await create('good', {}, 'Approved')
    await create('bad', {}, 'Approved')
    await create('foreign', {}, 'Approved')
    await world.settle()
    assert.equal((await requests().get('good')).status?.certificate, 'Q0VSVA==')
    const bad = (await requests().get('bad')).status!
    assert.deepEqual(
      bad.conditions?.map(({ type, reason, message }) => ({ type, reason, message })),
      [
        { type: 'Approved', reason: undefined, message: undefined },
        { type: 'Failed', reason: 'SignerValidationFailure', message: 'no good' },
      ],
    )
    assert.equal(bad.certificate, undefined)
    assert.equal((await requests().get('foreign')).status?.certificate, undefined)
  })

  it('are not signed before, nor when denied', async () => {
    await world.start(createCsrSigningController(world.context, { csrSigner }))
    await create('good', {}, 'Denied')
    await world.settle()
    assert.equal((await requests().get('good')).status?.certificate, undefined)
  })

  async function createNode(): Promise<void> {
    const nodes = world.context.client.resource(Nodes)
    const node = await nodes.create({ metadata: { name: 'n1' } } as Draft<Node>)
    await nodes.updateStatus({ ...node, status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] } })
  }

  /** A context that notes approvals instead of sending them. */
  function recording(approvals: string[]): World['context'] {
    const { client } = world.context
    return {
      ...world.context,
      client: {
        ...client,
        resource: ((type: never) => ({
          ...client.resource(type),
          subresource: async (name: string, subresource: string) => void approvals.push(`${name}/${subresource}`),
        })) as typeof client.resource,
      },
    }
  }

  it('for serving are left to a person unless the cluster wants it otherwise', async () => {
    const approvals: string[] = []
    await world.start(createCsrApprover(recording(approvals), { csrSigner }))
    await createNode()
    await create('serving', { username: 'n1' })
    await world.settle(2_000)
    assert.deepEqual(approvals, [])
  })

  it('for serving wait for the addresses of the node', async () => {
    const approvals: string[] = []
    await world.start(createCsrApprover(recording(approvals), { csrSigner, approveServing: true }))
    await create('serving', { username: 'n1' })
    await world.settle(500)
    assert.deepEqual(approvals, [])
    await createNode()
    await world.settle(2_000)
    assert.equal(approvals[0], 'serving/approval')
  })

  it('go when nobody needs them any more', async () => {
    await world.start(createCsrCleaner(world.context))
    await create('pending')
    await create('approved', {}, 'Approved')
    await world.settle(3_601_000)
    assert.deepEqual(
      (await requests().list()).items.map(({ metadata }) => metadata.name),
      ['pending'],
    )
    await world.settle(23 * 3_600_000)
    assert.deepEqual((await requests().list()).items, [])
  })

  it('last an hour from the last verdict', () => {
    const at = (time: string) => ({ type: 'Approved', status: 'True', lastUpdateTime: time })
    const metadata = { creationTimestamp: '2026-01-01T00:00:00Z' }
    const csr = { metadata, status: { conditions: [at('2026-01-01T05:00:00Z')] } } as CertificateSigningRequest
    assert.equal(endOfUse(csr), Date.UTC(2026, 0, 1, 6))
  })
})
