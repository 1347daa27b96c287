export { checkRules, checkRuleTexts } from './check.ts'
export { evaluateDefault, evaluateRules, type RuleFindings, type RuleNode, ruleTree } from './evaluate.ts'
export { type Comparisons, type TimeRules, untimed } from './timing.ts'
