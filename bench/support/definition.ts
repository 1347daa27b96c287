/** A definition as operators have them: a spec and a status with some dozens of fields, described. */
export function definition(group: string, kind: string, plural: string, spec: object = specSchema): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List`, categories: ['bench'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [{ name: 'Ready', type: 'string', jsonPath: '.status.conditions[0].status' }],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: `${kind} is what the bench installs many of.`,
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec,
                status: statusSchema,
              },
            },
          },
        },
      ],
    },
  }
}

const text = { type: 'string', maxLength: 253, description: 'A text that says something about the resource.' }

const specSchema = {
  type: 'object',
  description: 'What is wanted.',
  required: ['region'],
  properties: {
    region: text,
    ...Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`setting${n}`, text])),
    replicas: { type: 'integer', format: 'int32', minimum: 0, default: 1 },
    tags: { type: 'object', additionalProperties: { type: 'string' } },
    rules: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: text,
          port: { type: 'integer' },
          ...Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`option${n}`, text])),
        },
      },
    },
  },
}

const statusSchema = {
  type: 'object',
  properties: {
    observedGeneration: { type: 'integer', format: 'int64' },
    conditions: {
      type: 'array',
      items: {
        type: 'object',
        required: ['type', 'status'],
        properties: { type: text, status: text, reason: text, message: text, lastTransitionTime: { type: 'string' } },
      },
    },
  },
}
