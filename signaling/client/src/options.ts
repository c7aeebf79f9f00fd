/** How a call is made, and what may be asked of its pictures. */
import type { PictureSettings } from "./layers.ts";
import type { Identity } from "./signaling.ts";

export interface RoomOptions {
  /** Where the server is; without it, where this page came from. */
  server?: string | URL;
  /** Who we were before the page was loaded again, as `keep` was told. */
  identity?: Identity | null;
  /** Remembers who we are; null: nobody any more. */
  keep?: (identity: Identity | null) => void;
  /** What is sent of a picture. */
  pictures?: Partial<PictureSettings>;
  /** Video codec to prefer: vp8, vp9, h264 or av1. */
  codec?: string | null;
  /** Scalability mode of the camera's one encoding, such as L3T3_KEY, instead of several encodings. */
  mode?: string | null;
  /** False: never talk to others directly, not even where the room's mode allows it: they learn our addresses. */
  direct?: boolean;
  /** Opens the WebSocket, where it is to be another one. */
  open?: (address: string) => WebSocket;
  /** Starts the worker that encrypts, where it is to come from elsewhere. */
  worker?: () => Worker;
}

/** Whom a subscription is about: without any of it, everybody. */
export interface SubscriptionOf {
  /** All that these people publish, now and later. */
  participantIds?: Iterable<string>;
  /** These tracks, whatever was said of their owners. */
  trackIds?: Iterable<string>;
}

/** Which pictures a wish for a quality is about: without any of it, all. */
export interface QualityOf {
  trackId?: string;
  seat?: string;
  /** Lines that are of use; 0: nothing is to be seen of it. */
  maxHeight?: number;
}
