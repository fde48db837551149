export { collect } from '../../src/testing/checks.ts'
export * from '../../src/testing/store-contract/fixtures.ts'
