// @ts-check
/**
 * Who we were, kept for this tab: a page that crashed in a call comes back as the same person.
 * A duplicated tab starts with a copy, and must not: only a reload reads it.
 *
 * @typedef {import("./signaling.js").Identity} Identity
 */
const KEPT_AS = "volley-identity";

/** @returns {Identity | null} */
export function recallIdentity() {
  const [navigation] = performance.getEntriesByType("navigation");
  const reloaded = /** @type {PerformanceNavigationTiming | undefined} */ (navigation)?.type === "reload";
  const kept = reloaded && sessionStorage.getItem(KEPT_AS);
  return kept ? JSON.parse(kept) : null;
}

/** @param {Identity | null} identity */
export function keepIdentity(identity) {
  if (identity) sessionStorage.setItem(KEPT_AS, JSON.stringify(identity));
  else sessionStorage.removeItem(KEPT_AS);
}
