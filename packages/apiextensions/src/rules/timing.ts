/** What is done with rules and schemas, as upstream counts it (k8s.io/apiserver/pkg/cel/metrics). */
export type RuleWork = 'compilation' | 'evaluation'

/** Does the work, and notes how long it took. */
export interface TimeRules {
  <T>(work: RuleWork, act: () => T): T
  /** For the comparisons of one object with the old one, for what did not change is not held against an update. */
  readonly comparisons?: () => Comparisons
}

/** Work that comes in pieces. */
export interface Comparisons {
  /** Does one piece. */
  compare(act: () => boolean): boolean
  /** Notes how long all pieces took together. */
  end(): void
}

export const untimed: TimeRules = (_, act) => act()
