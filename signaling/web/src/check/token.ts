/** The room that a token is for, as it says itself; what it is worth is the server's matter. */
export function roomOfToken(token: string | undefined): string | null {
  try {
    const claims = JSON.parse(atob((token?.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/")));
    return typeof claims?.room === "string" ? claims.room : null;
  } catch {
    return null;
  }
}
