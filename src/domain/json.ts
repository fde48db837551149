/** A value that survives JSON unchanged. */
export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** A JSON object: the model's `map[string]any`. */
export type JsonRecord = { readonly [key: string]: JsonValue }
