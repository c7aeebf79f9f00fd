/**
 * What we said of ourselves and it holds for as long as we are here: said again to a server that does
 * not know it any more. Pure state; it knows neither sockets nor media.
 */
import type { ClientMessage, FromClient, FromServer, Quality, ServerMessage } from "./messages.ts";
import type { QualityOf, SubscriptionOf } from "./options.ts";
import type { Participant } from "./people.ts";

type Subscriptions = Pick<FromServer<"subscriptions">, "everybodyElse" | "participants" | "tracks">;

export class Standing {
  #send;
  #pinned: string | null = null;
  #handRaised = false;
  /** What is wished of all pictures; of one it ends with its seat or track. */
  #quality: FromClient<"update-quality"> | null = null;
  /** As the server understood it last. */
  #subscriptions: Subscriptions | null = null;

  /** `send` tells the server; false: it cannot hear. */
  constructor(send: (message: ClientMessage) => boolean) {
    this.#send = send;
  }

  get handRaised(): boolean {
    return this.#handRaised;
  }

  /** True: that is news. */
  raiseHand(raised: boolean): boolean {
    if (this.#handRaised === raised) return false;
    this.#handRaised = raised;
    this.#send({ type: "raise-hand", raised });
    return true;
  }

  pin(participantId: string | null): void {
    this.#pinned = participantId;
    this.#send({ type: "pin", participantId });
  }

  /** How good a picture is of use, or all of them. */
  wish(quality: Quality, { trackId, seat, maxHeight }: QualityOf): boolean {
    const message: FromClient<"update-quality"> = {
      type: "update-quality",
      quality,
      ...(trackId !== undefined && { trackId }),
      ...(seat !== undefined && { slot: seat }),
      ...(maxHeight !== undefined && { maxHeight }),
    };
    if (trackId === undefined && seat === undefined) this.#quality = message;
    return this.#send(message);
  }

  subscribe(type: "subscribe" | "unsubscribe", { participantIds, trackIds }: SubscriptionOf): boolean {
    return this.#send({ type, ...(participantIds && { participantIds: [...participantIds] }), ...(trackIds && { trackIds: [...trackIds] }) });
  }

  /** `people` are those who are there after this message. */
  hear(message: ServerMessage, people: ReadonlyMap<string, Participant>): void {
    if (message.type === "subscriptions") this.#subscriptions = message;
    if (message.type === "joined") this.#again(message.resumed, people);
  }

  clear(): void {
    this.#pinned = this.#quality = this.#subscriptions = null;
    this.#handRaised = false;
  }

  #again(resumed: boolean, people: ReadonlyMap<string, Participant>): void {
    if (this.#handRaised) this.#send({ type: "raise-hand", raised: true });
    if (this.#quality) this.#send(this.#quality);
    if (this.#pinned !== null && people.has(this.#pinned)) this.pin(this.#pinned);
    // Who came back is known with all they want; who came anew is not.
    if (!resumed && this.#subscriptions) this.#resubscribe(this.#subscriptions, people);
  }

  #resubscribe({ everybodyElse, participants, tracks }: Subscriptions, people: ReadonlyMap<string, Participant>): void {
    const published = new Set([...people.values()].flatMap((person) => [...person.tracks.keys()]));
    const say = (wanted: boolean, of: SubscriptionOf) => this.subscribe(wanted ? "subscribe" : "unsubscribe", of);
    if (!everybodyElse) say(false, {});
    // A word about somebody replaces those about their tracks, so people go first.
    for (const wanted of [true, false]) {
      const participantIds = named(participants, wanted, (id) => people.has(id));
      if (participantIds.length > 0) say(wanted, { participantIds });
    }
    for (const wanted of [true, false]) {
      const trackIds = named(tracks, wanted, (id) => published.has(id));
      if (trackIds.length > 0) say(wanted, { trackIds });
    }
  }
}

function named(words: Record<string, boolean>, wanted: boolean, isThere: (id: string) => boolean): string[] {
  return Object.keys(words).filter((id) => words[id] === wanted && isThere(id));
}
