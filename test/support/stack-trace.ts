/** What an error looks like that nobody put into words, behind a prefix too. */
export const STACK_TRACE = /^(?:\S+:)?\s*at .+:\d+:\d+\)?$|node:internal|UnhandledPromiseRejection/m
