import type { SelfSubjectAccessReview } from '../../generated/authorization.v1.ts'
import { SelfSubjectAccessReviews } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

/** Answered on the spot, never stored. */
export const SelfSubjectAccessReviewKind = defineKind<SelfSubjectAccessReview>({
  type: SelfSubjectAccessReviews,
  message: 'authorization.v1.SelfSubjectAccessReview',
  storagePrefix: 'selfsubjectaccessreviews',
  strategy: strategyOf({}),
  columns: defaultColumns,
})
