/**
 * The passphrase of an encrypted call. It stands behind `#` in the page's address, which browsers keep to
 * themselves: no server is ever told.
 */

const NAME = "e2ee";

/** `null`: the call of this address is not encrypted. */
export function readSecret(hash: string): string | null {
  return new URLSearchParams(hash.replace(/^#/, "")).get(NAME) || null;
}

/** Where another passphrase stands, or none. Nothing is loaded, and no page is added to go back to. */
export function keepSecret(secret: string | null): void {
  const hash = secret === null ? "" : `#${new URLSearchParams({ [NAME]: secret })}`;
  history.replaceState(null, "", location.pathname + location.search + hash);
}

/** What somebody was given, and typed or pasted: a passphrase, or all of a link. */
export function secretOf(text: string): string {
  const hash = text.indexOf("#");
  return (hash >= 0 && readSecret(text.slice(hash))) || text.trim();
}
