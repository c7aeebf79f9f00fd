/** What the page's parts are watched by: "something is different", told once for all that changed together. */

export class Changes {
  #listeners = new Set<() => void>();
  #planned = false;

  /** Returns how to stop listening. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    if (this.#planned) return;
    this.#planned = true;
    // Not an animation frame: a hidden tab has none, and must go on all the same.
    queueMicrotask(() => {
      this.#planned = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }
}
