/**
 * First path segments that GitHub uses for its own pages, so that no account
 * has them for a name. Names of pages that are accounts too (`actions`,
 * `community`, `education`, `github`) are left out on purpose.
 */
export const RESERVED_OWNERS: ReadonlySet<string> = new Set(
  `about account advisories api apps codespaces collections contact copilot customer-stories
  dashboard enterprise enterprises events explore features gist gists issues join login logout
  marketplace mobile new nonprofit notifications organizations orgs password_reset pricing pulls
  raw readme search security sessions settings signup site sponsors stafftools stars team topics
  trending users watching`.split(/\s+/),
)
