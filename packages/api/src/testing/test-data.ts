/**
 * Upstream's published test data, which tests compare with where it is present. It is never part of the repository: it comes
 * out of Go modules (`tools/test-data.ts` fetches them before `npm test`), or lies in a folder.
 */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the data lies: the first part of its name here, its module, and its folder (or file) in that. */
const MODULES: readonly (readonly [name: string, module: string, folder: string])[] = [
  ['api-fixtures/testdata', 'k8s.io/api@v0.36.0', 'testdata'],
  ['cel', 'cel.dev/expr@v0.25.2', ''],
  ['pod-security', 'k8s.io/pod-security-admission@v0.36.0', ''],
  ['openapi/swagger-1.36.json', 'k8s.io/kubernetes@v1.36.0', 'api/openapi-spec/swagger.json'],
  ['openapi/v3', 'k8s.io/kubernetes@v1.36.0', 'api/openapi-spec/v3'],
  ['discovery', 'k8s.io/kubernetes@v1.36.0', 'api/discovery'],
  ['rbac', 'k8s.io/kubernetes@v1.36.0', 'plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata'],
]

/** The modules that test data comes from, as `module@version`. */
export const TEST_DATA_MODULES: readonly string[] = [...new Set(MODULES.map(([, module]) => module))]

/**
 * The path of `name` in $CANOPUS_TEST_DATA, in `../shared/data` beside the repository or in Go's cache of modules; undefined
 * where it is nowhere.
 */
export function testData(name: string): string | undefined {
  const root = process.env.CANOPUS_TEST_DATA ?? fileURLToPath(new URL('../../../../../shared/data', import.meta.url))
  return [join(root, name), inModule(name)].find(path => path !== undefined && existsSync(path))
}

function inModule(name: string): string | undefined {
  const found = MODULES.find(([prefix]) => name === prefix || name.startsWith(`${prefix}/`))
  if (found === undefined) return undefined
  const [prefix, module, folder] = found
  return join(moduleCache(), module, folder, name.slice(prefix.length))
}

/** What `go env GOMODCACHE` says, without asking it. */
export function moduleCache(): string {
  const { GOMODCACHE, GOPATH } = process.env
  return GOMODCACHE ?? join(GOPATH?.split(delimiter)[0] ?? join(homedir(), 'go'), 'pkg', 'mod')
}
