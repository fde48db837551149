/**
 * Mutants that do the same as the machine, each with the reason. What is listed
 * here and noticed after all, or no mutant any more, has to leave.
 */
const ONE_KIND = 'the two guards ask for different kinds of outcome, and an outcome is of one kind'

export const EQUIVALENT: Readonly<Record<string, string>> = {
  'enumerator.fetching/onDone swap branches #0 and #1': ONE_KIND,
  'enumerator.fetching/onDone swap branches #1 and #2': ONE_KIND,
  'enumerator.fetching/onDone swap branches #2 and #3': ONE_KIND,
  'enumerator.fetching/onDone swap branches #3 and #4': ONE_KIND,
  'enumerator.ending/onDone swap branches #0 and #1': ONE_KIND,
}
