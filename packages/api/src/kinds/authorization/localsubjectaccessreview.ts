import type { LocalSubjectAccessReview } from '../../generated/authorization.v1.ts'
import { LocalSubjectAccessReviews } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

/** Answered on the spot, never stored. */
export const LocalSubjectAccessReviewKind = defineKind<LocalSubjectAccessReview>({
  type: LocalSubjectAccessReviews,
  message: 'authorization.v1.LocalSubjectAccessReview',
  storagePrefix: 'localsubjectaccessreviews',
  strategy: strategyOf({}),
  columns: defaultColumns,
})
