/** What OpenAPI documents say of `/version` (k8s.io/apimachinery/pkg/version, Info). */
import type { JsonSchema, PathItem } from './types.ts'

export const VERSION_DEFINITION = 'io.k8s.apimachinery.pkg.version.Info'

/** The fields that every answer of `/version` has, in their order. */
export const VERSION_FIELDS = [
  'major',
  'minor',
  'gitVersion',
  'gitCommit',
  'gitTreeState',
  'buildDate',
  'goVersion',
  'compiler',
  'platform',
]
const SOMETIMES = ['emulationMajor', 'emulationMinor', 'minCompatibilityMajor', 'minCompatibilityMinor']

export const VERSION_SCHEMA: JsonSchema = {
  description: 'Info says of which version a server is.',
  type: 'object',
  required: VERSION_FIELDS,
  properties: {
    ...Object.fromEntries(VERSION_FIELDS.map(name => [name, { type: 'string', default: '' }])),
    ...Object.fromEntries(SOMETIMES.map(name => [name, { type: 'string' }])),
  },
}

export const VERSION_PATH: PathItem = {
  path: '/version/',
  parameters: [],
  operations: [
    {
      method: 'get',
      id: 'getCodeVersion',
      description: 'get the version information for this server',
      tag: 'version',
      parameters: [],
      consumes: ['application/json'],
      produces: ['application/json'],
      responses: [[200, { definition: VERSION_DEFINITION }]],
    },
  ],
}
