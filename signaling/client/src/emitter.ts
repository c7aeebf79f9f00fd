/** Events with types: an `EventTarget` whose listeners are given what happened. */

/** Stops the listening that {@link Emitter.on} began. */
export type Stop = () => void;

export class Emitter<Events extends object> extends EventTarget {
  /** Calls `act` with every event of this name. Returns what ends that. */
  on<Name extends keyof Events & string>(name: Name, act: (detail: Events[Name]) => void): Stop {
    const listener = (event: Event) => act((event as CustomEvent<Events[Name]>).detail);
    this.addEventListener(name, listener);
    return () => this.removeEventListener(name, listener);
  }

  protected emit<Name extends keyof Events & string>(name: Name, detail: Events[Name]): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
