import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hasFormat } from './formats.ts'

const CARD = '4111 1111 1111 1111'
const UUID = '123e4567-e89b-12d3-a456-426614174000'

/** By format: what has it, and what has not. */
const table: Readonly<Record<string, readonly [good: readonly string[], bad: readonly string[]]>> = {
  hostname: [
    ['a', 'a-', 'a-b', 'é.com', 'a.bc', '1µs', '===='],
    ['', 'a.b', '1.2.3.4', 'ab-c', '-a', 'a.b-c', `${'a'.repeat(64)}.com`, 'a_b.com'],
  ],
  email: [
    ['x@y.z', 'x@y', 'X <x@y.z>', '"a b"@c.d'],
    ['x', '@y', 'x@@y', 'a b@c.d'],
  ],
  ipv4: [
    ['1.2.3.4', '::ffff:1.2.3.4'],
    ['1.2.3', '::1', '256.1.1.1'],
  ],
  mac: [
    ['00:11:22:33:44:55', '00-11-22-33-44-55', '0011.2233.4455', '001122334455', '4111111111111111'],
    ['00:11:22:33:44', '00:11-22:33:44:55', '00112233445'],
  ],
  isbn10: [
    ['0306406152', '0-306-40615-2', '080442957X'],
    ['1234567890', '9780306406157'],
  ],
  isbn13: [['9780306406157', '978-0-306-40615-7'], ['9780306406158']],
  creditcard: [
    [CARD, CARD.replaceAll(' ', ''), '378282246310005'],
    ['4111111111111112', '1234567812345678', '9780306406157'],
  ],
  ssn: [
    ['123-45-6789', '123 45 6789'],
    ['123456789', '123-456-789'],
  ],
  rgbcolor: [
    ['rgb(1,2,3)', 'rgb( 255 , 0, 0)'],
    ['rgb(256,0,0)', 'rgb(01,2,3)', 'rgb(1,2)'],
  ],
  byte: [
    ['YQ==', 'aGVsbG8='],
    ['', 'aGVsbG8', 'a-_b'],
  ],
  duration: [
    ['1h', '1.5h', '1d', '2 days', '1h 30m', '1 minute', UUID],
    ['10', '1x', 'h', ''],
  ],
  'date-time': [
    ['2020-01-01T00:00:00Z', '2020-01-01t00:00:00z', '2020-01-01T00:00:00.5+01:00', '2020-01-01T00:00:00,5Z'],
    ['2020-01-01 00:00:00', '2020-01-01T00:00Z', '2020-01-01T00:00:00', '2020-02-30T00:00:00Z', '2020-01-01T24:00:00Z'],
  ],
}

for (const [format, [good, bad]] of Object.entries(table)) {
  it(format, () => {
    for (const text of good) assert.ok(hasFormat(format, text), text)
    for (const text of bad) assert.ok(!hasFormat(format, text), text)
  })
}
