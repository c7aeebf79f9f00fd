/**
 * Who we were, kept for this tab: a page that crashed in a call comes back as the same person.
 * A duplicated tab starts with a copy, and must not: only a reload reads it.
 */
import type { Identity } from "volley-client";

const KEPT_AS = "volley-identity";

export function recallIdentity(): Identity | null {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  const kept = navigation?.type === "reload" && sessionStorage.getItem(KEPT_AS);
  return kept ? JSON.parse(kept) : null;
}

export function keepIdentity(identity: Identity | null): void {
  if (identity) sessionStorage.setItem(KEPT_AS, JSON.stringify(identity));
  else sessionStorage.removeItem(KEPT_AS);
}
