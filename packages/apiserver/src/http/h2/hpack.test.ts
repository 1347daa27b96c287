import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { HpackDecoder } from './hpack-decoder.ts'
import { HpackEncoder } from './hpack-encoder.ts'
import { decodeHuffman } from './huffman.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

/** All bytes in their order, as Go's golang.org/x/net/http2/hpack writes them. */
const ALL_BYTES =
  'ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdfffffebfffffecfffffed' +
  'fffffeefffffefffffff0ffffff1ffffff2fffffffbfffffcffffffd3fffffd7fffffdbfffffdffffffe3fffffe7fffffebfffffed4fe3f9ff' +
  'affcabf1febfafefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50ddbd7f061c58f265cd9f469d5af66dddbf871e5f9cff7ff7fffc3f' +
  'f9ffe45fff4719242cb34e6e9d68a6a3d7dac426defe3cfaf7fffbfe7ffbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd5ffffb3f' +
  'ffeb7fffdaffffb7ffff73fffeeffffdeffffebffffbfffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1ffffe4fffee7fffb1ffff97' +
  'fffd9ffffcdffff9fffffbffffdafffeeffff4ffffb7fffee7fffe8ffffd3fffdeffffd5fffeeffffbdffffe1fffdfffff7fffff5ffffecfff' +
  'f07fff87fffe0ffff17fffedffff87ffff77fffeffffeaffff8bfffe3ffff93ffff87fffcbffff37ffff1fffff83ffffe1fffebfffe3ffff3f' +
  'ffff2ffffa3ffffd9fffff17ffffc7fffff27ffffdefffffbffffff2fffff8fffffb7fff97fff8fffffe6fffffc1fffff87ffffe7fffffc5ff' +
  'ffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9fffff97fffb3ffffcffffb7fffcdffff4ffff9ffffd1ffffcffffeaffffafffffd' +
  'dffffeffffff4fffff5fffffabffffa7ffffd7fffff9bffffecfffffb7fffff3fffffe8fffffd3fffffabfffff5fffffff7ffffecfffffdbff' +
  'fffbbfffff7ffffff0fffffbbf'

describe("Huffman's code", () => {
  it('has all bytes', () => {
    const block = bytes(ALL_BYTES)
    const text = Buffer.from(Array.from({ length: 256 }, (_, index) => index)).toString('latin1')
    assert.equal(decodeHuffman(block, 0, block.length), text)
  })

  const broken: readonly [string, string][] = [
    ['padding of zeros', '18'],
    ['padding of a whole byte', 'f1e3 c2e5 f23a 6ba0 ab90 f4ff ff'],
    ['the end of text within', 'ffff ffff'],
    ['a code that is cut short', 'fffe'],
  ]
  for (const [what, hex] of broken)
    it(`does not know ${what}`, () => {
      const block = bytes(hex)
      assert.equal(decodeHuffman(block, 0, block.length), undefined)
    })

  it('reads whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), array => {
        const text = decodeHuffman(Buffer.from(array), 0, array.length)
        assert.ok(text === undefined || text.length <= (array.length * 8) / 5)
      }),
    )
  })
})

/** RFC 7541, appendix C: blocks of one connection, and what they say. */
const EXAMPLES: readonly [string, readonly [string, string][]][] = [
  [
    'C.3: requests as they are',
    [
      [
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        ':method GET :scheme http :path / :authority www.example.com',
      ],
      [
        '8286 84be 5808 6e6f 2d63 6163 6865',
        ':method GET :scheme http :path / :authority www.example.com cache-control no-cache',
      ],
      [
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
        ':method GET :scheme https :path /index.html :authority www.example.com custom-key custom-value',
      ],
    ],
  ],
  [
    "C.4: requests in Huffman's code",
    [
      ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', ':method GET :scheme http :path / :authority www.example.com'],
      [
        '8286 84be 5886 a8eb 1064 9cbf',
        ':method GET :scheme http :path / :authority www.example.com cache-control no-cache',
      ],
      [
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
        ':method GET :scheme https :path /index.html :authority www.example.com custom-key custom-value',
      ],
    ],
  ],
]

describe('header blocks', () => {
  for (const [name, blocks] of EXAMPLES)
    it(`reads ${name}`, () => {
      const decoder = new HpackDecoder(1 << 20)
      for (const [hex, text] of blocks) assert.deepEqual(decoder.decode(bytes(hex)).list, text.split(' '))
    })

  const broken: readonly [string, string][] = [
    ['index 0', '80'],
    ['an index beyond the table', 'be'],
    ['a length beyond the block', '4005 61'],
    ['a number without an end', 'ff80 8080'],
    ['a number without measure', 'ffff ffff ffff 7f'],
    ['a table that is bigger than ours', '3fe2 1f'],
    ['a table that changes among headers', '82 20'],
    ['no value', '4001 61'],
  ]
  for (const [what, hex] of broken)
    it(`cannot read ${what}`, () => {
      assert.throws(() => new HpackDecoder(1 << 20).decode(bytes(hex)), { name: 'ConnectionError', code: 9 })
    })

  const malformed: readonly [string, string, boolean][] = [
    ['capitals', '0001 4101 62', false],
    ['a name with a space', '0001 2001 62', false],
    ['no name', '0000 0162', false],
    ['a line feed', '0001 6101 0a', false],
    ['what belongs to a connection', '000a 636f 6e6e 6563 7469 6f6e 0162', false],
    ['te with anything else', '0002 7465 0162', false],
    ['te: trailers', '0002 7465 0874 7261 696c 6572 73', true],
    ['bytes beyond ASCII', '0001 6101 e9', true],
  ]
  for (const [what, hex, wellFormed] of malformed)
    it(`${wellFormed ? 'allows' : 'knows for malformed'} ${what}`, () => {
      assert.equal(new HpackDecoder(1 << 20).decode(bytes(hex)).wellFormed, wellFormed)
    })

  it('counts what one block unfolds to', () => {
    const decoder = new HpackDecoder(20_000)
    const long = Buffer.concat([bytes('4001 617f a11e'), Buffer.alloc(4000, 'x')])
    const { list, tooLong } = decoder.decode(Buffer.concat([long, Buffer.alloc(1000, 0xbe)]))
    assert.ok(tooLong)
    assert.ok(list.length < 20)
    assert.equal(decoder.decode(bytes('be')).list[0], 'a')
  })

  it('reads whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), blocks => {
        const decoder = new HpackDecoder(1000)
        try {
          for (const block of blocks) decoder.decode(Buffer.from(block))
        } catch (error) {
          assert.equal((error as Error).name, 'ConnectionError')
        }
      }),
    )
  })

  it('come back as they were written', () => {
    const name = fc.constantFrom('content-type', 'cache-control', 'audit-id', 'location', 'x-own', 'vary')
    const value = fc.string({ unit: fc.constantFrom('a', 'b', 'é', ' '), maxLength: 300 })
    const block = fc.record({
      status: fc.constantFrom('200', '404', '201', '504'),
      fields: fc.array(fc.tuple(name, value)),
      limit: fc.option(fc.constantFrom(0, 100, 4096), { nil: undefined, freq: 10 }),
    })
    fc.assert(
      fc.property(fc.array(block), blocks => {
        const encoder = new HpackEncoder()
        const decoder = new HpackDecoder(1 << 24)
        for (const { status, fields, limit } of blocks) {
          if (limit !== undefined) encoder.limit(limit)
          const { list } = decoder.decode(Buffer.from(encoder.encode(status, fields.flat())))
          assert.deepEqual(list, [':status', status, ...fields.flat()])
        }
      }),
    )
  })
})
