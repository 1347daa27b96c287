import type { SubjectAccessReview } from '../../generated/authorization.v1.ts'
import { SubjectAccessReviews } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

/** Answered on the spot, never stored. */
export const SubjectAccessReviewKind = defineKind<SubjectAccessReview>({
  type: SubjectAccessReviews,
  message: 'authorization.v1.SubjectAccessReview',
  storagePrefix: 'subjectaccessreviews',
  strategy: strategyOf({}),
  columns: defaultColumns,
})
