/**
 * What is claimed of CEL's published conformance tests (cel-spec tests/simple/testdata), and what is not, with reasons.
 * `tests` is how many of a file pass; fewer are a failure, and so are more until they are claimed.
 */
export interface Claim {
  readonly tests: number
  readonly of: number
  /** So many of them are newer than the last release of the data; all of these pass. */
  readonly added?: number
  /** Why not all of them. */
  readonly reason?: string
}

const protobuf = 'the others make or read protobuf messages: objects of Kubernetes are JSON'

export const claims: Readonly<Record<string, Claim>> = {
  basic: { tests: 43, of: 43 },
  bindings_ext: { tests: 8, of: 8 },
  block_ext: { tests: 0, of: 37, reason: 'cel.block is what optimizers write; Kubernetes has none' },
  comparisons: { tests: 334, of: 406, reason: protobuf },
  conversions: { tests: 109, of: 109 },
  dynamic: { tests: 25, of: 226, reason: protobuf },
  encoders_ext: { tests: 0, of: 4, reason: 'no environment of Kubernetes has the library base64' },
  enums: { tests: 10, of: 85, reason: 'enums are those of protobuf; what passes are errors' },
  fields: {
    tests: 59,
    of: 60,
    reason: 'an unchecked a.b.c is not looked up as one variable; Kubernetes checks all expressions',
  },
  fp_math: { tests: 30, of: 30 },
  integer_math: { tests: 64, of: 64 },
  lists: { tests: 39, of: 39 },
  logic: { tests: 30, of: 30 },
  macros: { tests: 44, of: 44 },
  macros2: { tests: 46, of: 46 },
  math_ext: { tests: 17, of: 199, reason: 'no environment of Kubernetes has the library math; what passes are errors' },
  namespace: { tests: 14, of: 14 },
  network_ext: {
    tests: 67,
    of: 69,
    reason: 'Kubernetes refuses IPv4 addresses mapped into IPv6, which two tests compare',
  },
  optionals: {
    tests: 57,
    of: 70,
    reason: `${protobuf}; two want an error for fields of a null, which Kubernetes does not enable`,
  },
  parse: { tests: 193, of: 219, reason: protobuf },
  plumbing: { tests: 5, of: 5 },
  proto2: { tests: 6, of: 118, reason: protobuf },
  proto2_ext: { tests: 0, of: 18, reason: protobuf },
  proto3: { tests: 6, of: 85, reason: protobuf },
  string: { tests: 51, of: 51 },
  string_ext: { tests: 214, of: 216, reason: 'two want an error of indexOf behind the end, where cel-go gives -1' },
  timestamps: {
    tests: 77,
    of: 78,
    added: 2,
    reason: 'one wants getMilliseconds of a duration to be a part; cel-go gives the whole',
  },
  type_deduction: { tests: 25, of: 47, reason: `${protobuf}; one is among those that cel-go skips, too` },
  unknowns: { tests: 0, of: 0 },
  wrappers: { tests: 0, of: 36, reason: protobuf },
}
