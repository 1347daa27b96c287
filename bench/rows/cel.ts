import {
  declaredTypes,
  declareSchema,
  kubernetesEnvironment,
  PER_CALL_LIMIT,
  type Program,
  schemaValue,
  type ValueSchema,
  withResourceMeta,
} from '../../packages/cel/src/index.ts'
import { atLeast, type Benchmark, type Figure, figureOf, repeat, time } from '../support/figure.ts'

const text: ValueSchema = { type: 'string', maxLength: 63 }
const port: ValueSchema = { type: 'object', properties: { name: text, port: { type: 'integer' } } }
export const schema: ValueSchema = withResourceMeta({
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        replicas: { type: 'integer' },
        maxReplicas: { type: 'integer' },
        name: text,
        mode: { type: 'string', enum: ['Fast', 'Slow'] },
        ports: { type: 'array', maxItems: 10, items: port },
        labels: { type: 'object', maxProperties: 10, additionalProperties: text },
      },
    },
  },
})

export const object = {
  metadata: { name: 'web' },
  spec: {
    replicas: 3,
    maxReplicas: 10,
    name: 'web',
    mode: 'Fast',
    ports: [
      { name: 'http', port: 80 },
      { name: 'https', port: 443 },
      { name: 'metrics', port: 9090 },
    ],
    labels: { app: 'web', tier: 'front' },
  },
}

/** Twenty rules as definitions of custom resources have them. */
export const rules = [
  'self.spec.replicas <= self.spec.maxReplicas',
  'has(self.spec.mode) && self.spec.mode in ["Fast", "Slow"]',
  "self.spec.name.matches('^[a-z]+$')",
  'self.spec.ports.all(p, p.port > 0 && p.port < 65536)',
  'self.spec.ports.exists(p, p.name == "http")',
  '!has(self.spec.labels) || self.spec.labels.all(k, size(k) < 20)',
  'self.spec.replicas * 2 + 1 > 0',
  "self.spec.name.startsWith('w') || self.spec.name.endsWith('z')",
  'self.spec.ports.map(p, p.port).isSorted()',
  'size(self.spec.ports) < 10',
  'self.spec.mode == "Fast" ? self.spec.replicas > 0 : true',
  'self.spec.ports.filter(p, p.port == 80).size() == 1',
  'self.metadata.name == "web"',
  'self.spec.labels["app"] == "web"',
  'self.spec.?labels[?"app"].orValue("") == "web"',
  'self.spec.name.size() <= 63',
  'self.spec.replicas >= 1',
  'self.spec.maxReplicas <= 100',
  'self.spec.name.lowerAscii() == self.spec.name',
  "quantity('1Gi').isLessThan(quantity('2Gi'))",
]

function compileAll(): Program[] {
  const self = declareSchema(schema, true)
  if (self === undefined) throw new Error('the schema has no type')
  const environment = kubernetesEnvironment.extend({
    variables: { self: self.type },
    libraries: [{ types: declaredTypes(self) }],
  })
  return rules.map(rule => {
    const compiled = environment.compile(rule)
    if (!compiled.ok) throw new Error(compiled.message)
    return environment.program(compiled.ast)
  })
}

function validate(programs: readonly Program[]): void {
  const self = schemaValue(schema, object)
  for (const program of programs) {
    const result = program.evaluate({ self }, { costLimit: PER_CALL_LIMIT })
    if (!result.ok || result.value !== true) throw new Error('a rule does not hold')
  }
}

const OBJECTS = 10_000
const ROUNDS = 5

/** Rules of custom resources: how many objects they can check, and what it takes to read them. */
export const cel: Benchmark = {
  name: 'cel',
  async run(): Promise<Figure[]> {
    const programs = compileAll()
    const validated = await repeat(ROUNDS, async () => {
      const took = await time(async () => {
        for (let i = 0; i < OBJECTS; i++) validate(programs)
      })
      return (OBJECTS / took) * 1000
    })
    const compiled = await repeat(ROUNDS, async () => (await time(async () => compileAll())) / rules.length)
    return [
      figureOf('CEL: objects checked by 20 rules', 'objects/s', validated, { target: atLeast(5000) }),
      figureOf('CEL: one rule read, checked and planned', 'ms', compiled),
    ]
  },
}
