/** The server's time as SQL, in milliseconds since the Unix epoch; it runs on within a transaction. */
export const SERVER_NOW = '(extract(epoch from clock_timestamp()) * 1000)::bigint'
