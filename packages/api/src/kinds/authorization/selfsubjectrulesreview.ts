import type { SelfSubjectRulesReview } from '../../generated/authorization.v1.ts'
import { SelfSubjectRulesReviews } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

/** Answered on the spot, never stored. */
export const SelfSubjectRulesReviewKind = defineKind<SelfSubjectRulesReview>({
  type: SelfSubjectRulesReviews,
  message: 'authorization.v1.SelfSubjectRulesReview',
  storagePrefix: 'selfsubjectrulesreviews',
  strategy: strategyOf({}),
  columns: defaultColumns,
})
