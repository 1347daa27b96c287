import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { notFoundError, StatusError } from './status-error.ts'

describe('StatusError', () => {
  it('is written in the order of the fields of Status', () => {
    assert.equal(
      JSON.stringify(notFoundError({ group: 'apps', resource: 'deployments', name: 'web' }).status),
      '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",' +
        '"message":"deployments.apps \\"web\\" not found","reason":"NotFound",' +
        '"details":{"name":"web","group":"apps","kind":"deployments"},"code":404}',
    )
  })
  it('has no stack, and leaves those of others alone', () => {
    assert.doesNotMatch(new StatusError({ code: 400, message: 'no' }).stack ?? '', /\n/)
    assert.match(new Error('other').stack!, /status-error\.test/)
  })
  it('has no fields that it was not given', () => {
    assert.deepEqual(Object.keys(new StatusError({ code: 400 }).status), [
      'kind',
      'apiVersion',
      'metadata',
      'status',
      'code',
    ])
  })
})
