/**
 * What somebody asked of a session that is not at its end. A pause holds until
 * it is lifted, whatever happens to the processes; a cancellation until it is
 * carried out.
 */
export type Ask = 'pause' | 'cancel'
