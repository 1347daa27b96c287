import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EndpointSlice } from '../../generated/discovery.v1.ts'
import type { CSIDriver } from '../../generated/storage.v1.ts'
import { CSIDriverKind } from '../storage/csidriver.ts'
import { EndpointSliceKind } from './endpointslice.ts'

const cell = <T>(columns: readonly { name: string; value(object: T, now: number): unknown }[], name: string, of: T) =>
  columns.find(each => each.name === name)!.value(of, 0)

describe('cells of what is there, but empty', () => {
  const rows: [EndpointSlice['ports'], string][] = [
    [undefined, '<unset>'],
    [[{}], '<unset>'],
    [[{ name: 'http' }], 'http'],
    [[{ name: '' }, { port: 80 }], ',80'],
  ]
  for (const [ports, expected] of rows) {
    it(`ports ${JSON.stringify(ports)}`, () => {
      const slice = { metadata: { name: 's' }, addressType: 'IPv4', endpoints: [], ports } as unknown as EndpointSlice
      assert.equal(cell(EndpointSliceKind.columns, 'Ports', slice), expected)
    })
  }
  it('token requests', () => {
    const driver = (spec: object) => ({ metadata: { name: 'd' }, spec }) as unknown as CSIDriver
    assert.equal(cell(CSIDriverKind.columns, 'TokenRequests', driver({})), '<unset>')
    assert.equal(cell(CSIDriverKind.columns, 'TokenRequests', driver({ tokenRequests: [{ audience: '' }] })), '')
  })
})
