import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceMatches } from './device-selector.ts'

test('one object may be a device of two drivers', () => {
  const device = { name: 'gpu-0', attributes: { model: { string: 'a' } } }
  for (const driver of ['one.example.com', 'two.example.com', 'one.example.com']) {
    assert.equal(deviceMatches(`device.driver == "${driver}"`, driver, device), true)
    assert.equal(deviceMatches(`device.attributes["${driver}"].model == "a"`, driver, device), true)
  }
})
