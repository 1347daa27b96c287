import type { SelfSubjectReview } from '../../generated/authentication.v1.ts'
import { SelfSubjectReviews } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

/** Answered on the spot, never stored. */
export const SelfSubjectReviewKind = defineKind<SelfSubjectReview>({
  type: SelfSubjectReviews,
  message: 'authentication.v1.SelfSubjectReview',
  storagePrefix: 'selfsubjectreviews',
  strategy: strategyOf({}),
  columns: defaultColumns,
})
