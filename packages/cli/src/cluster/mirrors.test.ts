import assert from 'node:assert/strict'
import { it } from 'node:test'
import { withDefaults } from './changes.ts'
import { newConfig } from './config.ts'
import { mirrorUrlFor } from './machine-network.ts'

const config = newConfig(withDefaults({ name: 'c', mirrors: [], nodes: 2 }), { root: '/h', run: '/r' }, 1)
const [host, inside] = config.nodes as [(typeof config.nodes)[0], (typeof config.nodes)[0]]

for (const [node, url, seen] of [
  [host, 'http://127.0.0.1:5000', 'http://127.0.0.1:5000'],
  [inside, 'http://127.0.0.1:5000', 'http://172.30.1.1:5000'],
  [inside, 'http://localhost:5000', 'http://172.30.1.1:5000'],
  [inside, 'https://registry.example:5000', 'https://registry.example:5000'],
] as const)
  it(`a mirror at ${url} is ${seen} for a node in the place "${node.place}"`, () => {
    assert.equal(mirrorUrlFor(config, node, url), seen)
  })
