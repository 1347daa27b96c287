import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { forwardedPorts } from './forwarded-ports.ts'
import { HttpError } from './http-error.ts'

describe('ports of a port-forward over WebSocket channels', () => {
  const cases: readonly [string, number[] | RegExp][] = [
    ['port=80', [80]],
    ['port=80,443&port=65535', [80, 443, 65535]],
    ['', /"port" is required/],
    ['port=', /"port" cannot be empty/],
    ['port=80,', /unable to parse "" as a port/],
    ['port=http', /unable to parse "http" as a port/],
    ['port=65536', /unable to parse "65536" as a port/],
    ['port=-1', /unable to parse "-1" as a port/],
    ['port=0', /port "0" must be > 0/],
  ]
  for (const [query, expected] of cases) {
    test(query || 'nothing', () => {
      const ports = (): number[] => forwardedPorts(new URLSearchParams(query))
      if (Array.isArray(expected)) assert.deepEqual(ports(), expected)
      else
        assert.throws(
          ports,
          error => error instanceof HttpError && error.status === 400 && expected.test(error.message),
        )
    })
  }
})
