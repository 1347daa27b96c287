import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Namespaces, ResourceClaims, ResourceClaimTemplates } from '@canopus/api'
import { adminAccess } from './admin-access.ts'
import { claimStatusAuthorization } from './claim-status.ts'
import { admit, fakeContext, refusalOf, request } from './testing/request.ts'

const ALLOWED = { 'resource.kubernetes.io/admin-access': 'true' }
const spec = (adminAccess: boolean) => ({
  devices: { requests: [{ name: 'a' }, { name: 'b', exactly: { deviceClassName: 'c', adminAccess } }] },
})
const claim = (adminAccess: boolean) => ({
  type: ResourceClaims,
  object: { metadata: { name: 'c', namespace: 'ns' }, spec: spec(adminAccess) },
})
const template = {
  type: ResourceClaimTemplates,
  object: { metadata: { name: 't', namespace: 'ns' }, spec: { spec: spec(true) } },
}
const given = (...results: object[]) => ({
  metadata: { name: 'c', namespace: 'ns' },
  status: { allocation: { devices: { results } } },
})
const NEEDS =
  'Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace'

function context(labels: Record<string, string>) {
  const made = fakeContext()
  made.objects.put(Namespaces, { metadata: { name: 'ns', labels } })
  return made
}

describe('devices that others use', () => {
  it('may be asked for in namespaces with the label', async () => {
    const plugin = adminAccess(context(ALLOWED))
    await admit(plugin, request(claim(true)))
    await admit(plugin, request(template))
  })

  it('may not be asked for in others', async () => {
    const plugin = adminAccess(context({}))
    await admit(plugin, request(claim(false)))
    for (const asked of [claim(true), template]) {
      const { status } = await refusalOf(plugin, request(asked))
      assert.equal(status.code, 422)
      assert.deepEqual(status.details?.causes, [
        { reason: 'FieldValueForbidden', message: NEEDS, field: 'spec.devices.requests[1].adminAccess' },
      ])
    }
  })

  it('may not be given there either, but for those that were', async () => {
    const plugin = claimStatusAuthorization(context({}))
    const results = [{ device: 'a' }, { device: 'b', adminAccess: true }]
    const of = (oldObject: object) =>
      request({
        type: ResourceClaims,
        subresource: 'status',
        operation: 'UPDATE',
        object: given(...results),
        oldObject,
      })
    const { status } = await refusalOf(plugin, of(given()))
    assert.deepEqual(
      status.details?.causes?.map(({ field }) => field),
      ['status.allocation.devices.results[1].adminAccess'],
    )
    await admit(plugin, of(given(...results)))
  })
})
