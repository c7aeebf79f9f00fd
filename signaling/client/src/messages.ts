/**
 * Every message of the WebSocket. Written from the server's own types by a test of its reference; to write
 * it anew: VOLLEY_WRITE_TYPES=1 cargo test -p volley-signaling typescript
 */

/** What a page says. */
export type ClientMessage =
  /** Enter a room, or come back to it. The first message of a socket; answered by `joined`. */
  | {
      type: "join";
      /** You only try whether calls work from where you are. You need what lets you into the room, and come into one of your own, which `joined` names, which nobody else can enter, which no webhook tells of, and which ends by itself after two minutes (`room-closed`). One address has twelve of them at once (`too-fast`). */
      check?: boolean;
      /** Your media is encrypted end to end, with keys that the server does not have. A room that is made by this message is an encrypted one; in a room that is not, you are refused (`not-encrypted`). */
      e2ee?: boolean;
      /** With `e2ee`: the epoch that your keys have reached already. 0 for who comes for the first time. */
      keyEpoch?: number;
      /** What the page knows to do: with `mesh` it can talk to others directly, where the room's mode allows it. Without it, all of its room goes through the server. */
      mode?: MediaPath;
      /** To come back after a socket was lost: who you were. Media goes on meanwhile. */
      participantId?: string | null;
      /** What the others see: 1 to 64 characters. */
      participantName: string;
      /** What `joined` said, to prove it. */
      resumeToken?: string | null;
      /** 1 to 64 letters, digits, dots, underscores, tildes or hyphens. A room that is not there is made, and ends when the last one leaves. */
      roomId: string;
      /** Lets you in where the server asks for it: a JSON Web Token for this room. Whoever comes back needs none; a valid one of the same identity says from then on what they may do. */
      token?: string | null;
    }
  /** Publish, add receiving m-lines, restart ICE. The page always offers; answered by `answer`. */
  | {
      type: "offer";
      /** Mids whose tracks begin muted. */
      muted?: string[];
      /** Your room; may be left out. */
      roomId?: string | null;
      /** The session description of `createOffer`. */
      sdp: string;
      /** What each sending m-line shows, by mid. Without it: microphone and camera. */
      sources?: Record<string, TrackSource>;
    }
  /** An offer whose new sending m-lines are a screen, beside the camera. Answered by `answer`. */
  | {
      type: "start-screen-share";
      /** Mids whose tracks begin muted. */
      muted?: string[];
      /** Your room; may be left out. */
      roomId?: string | null;
      /** The session description of `createOffer`. */
      sdp: string;
      /** What each sending m-line shows, by mid. Without it: what is new is a screen. */
      sources?: Record<string, TrackSource>;
    }
  /** End the tracks of the screen. */
  | {
      type: "stop-screen-share";
    }
  /** Taken and not needed: the server is ICE-lite and learns addresses from checks (RFC 8445 §7.3.1.3). Whatever `candidate` holds is ignored. */
  | {
      type: "ice-candidate";
    }
  /** Stop the forwarding of an own track. */
  | {
      type: "mute";
      /** As `answer` names it. */
      trackId: string;
    }
  /** Resume it. */
  | {
      type: "unmute";
      /** As `answer` names it. */
      trackId: string;
    }
  /** Show a participant before others. */
  | {
      type: "pin";
      /** Whom; null for nobody in particular. */
      participantId?: string | null;
    }
  /** Be sent these again, who are not wanted now. With neither list: everybody is wanted again, which is how it begins, and the server gives your seats to those who spoke last. Of those you want it chooses in the same way. Answered by `subscriptions`. */
  | {
      type: "subscribe";
      /** All that these people publish, now and later. */
      participantIds?: string[] | null;
      /** These tracks, whatever was said of their owners. */
      trackIds?: string[] | null;
    }
  /** Be sent nothing of these. With neither list: of nobody, until `subscribe` names somebody. A direct way (`mesh`) is not held to it, so while somebody says this, all of their room goes through the server. Answered by `subscriptions`. */
  | {
      type: "unsubscribe";
      /** All that these people publish, now and later. */
      participantIds?: string[] | null;
      /** These tracks, whatever was said of their owners. */
      trackIds?: string[] | null;
    }
  /** Say something to the room. */
  | {
      type: "chat";
      /** 1 to 2000 characters. */
      text: string;
    }
  /** Ask to speak, or no longer. Told again by `participants` to whoever comes later. */
  | {
      type: "raise-hand";
      /** Whether the hand is up now. */
      raised: boolean;
    }
  /** Tell one other person what it takes to talk directly, in a room whose mode allows it. Passed on as it is, as `signal`. */
  | {
      type: "signal";
      /** At most 32 KiB. */
      data?: string;
      /** What about. */
      kind: SignalKind;
      /** Whom. */
      participantId: string;
    }
  /** Say how good a picture is needed; answered by `quality`. With neither `trackId` nor `slot` it is about all pictures. Of several wishes about one picture the least holds. */
  | {
      type: "update-quality";
      /** Lines of the tile on the screen: no more are sent. 0: nothing is to be seen of it. */
      maxHeight?: number | null;
      /** The most that is of use. */
      quality: Quality;
      /** Of whatever this m-line shows, by its mid. */
      slot?: string | null;
      /** Of this track, wherever it is shown. */
      trackId?: string | null;
    }
  /** Go. The socket stays open and may join again. */
  | {
      type: "leave";
    };

/** What a page is told. */
export type ServerMessage =
  /** You are in. */
  | {
      type: "joined";
      /** Whether what people send in this room is encrypted end to end: what is not, nobody shows. */
      e2ee: boolean;
      /** What you may do here: of `publish`, `subscribe`, `record`, `administer`. */
      grants: string[];
      /** For the page's RTCPeerConnection. Credentials may be yours alone and last for some hours; you get new ones when you come back, and with `ice-servers` before they end. */
      iceServers: IceServerView[];
      /** With `e2ee`: the epoch of the keys that are used now. */
      keyEpoch: number;
      /** How media goes in the room now. */
      mode: MediaPath;
      /** Who you are here. */
      participantId: string;
      /** As you gave it. */
      participantName: string;
      /** The others in the room. */
      participants: ParticipantView[];
      /** What `request-offer` will ask for: with these m-lines in your first offer you need no second. */
      receive: Receive;
      /** Whether you may start and stop recordings of this room. */
      recordable: Recordable;
      /** The room is recorded: under this name. */
      recording?: string | null;
      /** Proves who you are when the socket was lost; keep it to yourself. */
      resumeToken: string;
      /** Whether you came back to what you were. */
      resumed: boolean;
      /** The room. */
      roomId: string;
      /** Those of your tracks that were muted over REST and that you have not unmuted since: it may have been while you were away. */
      silenced?: string[];
      /** What you publish, after coming back. */
      tracks: TrackView[];
    }
  /** Please send an offer: after a join, and whenever more receiving m-lines are of use. */
  | {
      type: "request-offer";
      /** How many m-lines should be able to receive. */
      receive: Receive;
      /** The room. */
      roomId: string;
    }
  /** The answer to an offer. */
  | {
      type: "answer";
      /** For `setRemoteDescription`. All candidates stand in it. */
      sdp: string;
      /** All that you publish now. */
      tracks: TrackView[];
    }
  /** Somebody came. */
  | {
      type: "participant-joined";
      /** Who. */
      participantId: string;
      /** As they gave it. */
      participantName: string;
    }
  /** Somebody went. */
  | {
      type: "participant-left";
      /** Who. */
      participantId: string;
    }
  /** Somebody left a room that is encrypted end to end: whoever stays turns their keys on to this epoch and erases those before, which the server has never known. */
  | {
      type: "key-epoch";
      /** Never less than before. */
      keyEpoch: number;
    }
  /** Somebody gave no sign of life for a while, or is back. */
  | {
      type: "participant-hidden";
      /** False: they are back. */
      hidden: boolean;
      /** Who. */
      participantId: string;
    }
  /** Who speaks now. */
  | {
      type: "active-speakers";
      /** Whoever began last stands first. */
      participantIds: string[];
    }
  /** Somebody publishes something new. */
  | {
      type: "track-published";
      /** Who. */
      participantId: string;
      /** What. */
      track: TrackView;
    }
  /** Somebody publishes something no longer. */
  | {
      type: "track-unpublished";
      /** Who. */
      participantId: string;
      /** What. */
      trackId: string;
    }
  /** A track was muted or unmuted: by its owner, or over REST. Its owner is told, too, when it was over REST, and may unmute it again. */
  | {
      type: "track-muted";
      /** Whether it is muted now. */
      muted: boolean;
      /** Whose it is. */
      participantId: string;
      /** Which. */
      trackId: string;
    }
  /** What each receiving m-line of the page shows now: always all of them. Told when it shows something else, and at most once a second when another part of it is sent. */
  | {
      type: "slots";
      /** By mid. */
      slots: SlotView[];
    }
  /** Which layers of an own track are to be sent: those nobody watches may be paused. Always all of them, so the last message is the truth. */
  | {
      type: "publish-layers";
      /** The lowest first. */
      layers: LayerView[];
      /** Which track. */
      trackId: string;
    }
  /** The room is recorded from now on: everybody in it is to know. */
  | {
      type: "recording-started";
      /** The recording. */
      recordingId: string;
      /** Milliseconds since 1970. */
      startedAt: number;
    }
  /** Whether what happens now is missing in the recording: its disk is full, say. It goes on when that is over. Told when it changes, behind `joined` while it is so, and to whoever comes back. */
  | {
      type: "recording-failing";
      /** False: it is written again. */
      failing: boolean;
      /** The recording. */
      recordingId: string;
    }
  /** The room is recorded no longer. */
  | {
      type: "recording-stopped";
      /** The recording. */
      recordingId: string;
    }
  /** Somebody said something to the room. */
  | {
      type: "chat";
      /** Who. */
      participantId: string;
      /** As they gave it. */
      participantName: string;
      /** What they said. */
      text: string;
    }
  /** Somebody asks to speak, or no longer. */
  | {
      type: "hand-raised";
      /** Who. */
      participantId: string;
      /** Whether the hand is up now. */
      raised: boolean;
    }
  /** The wish for a quality was heard; its fields are repeated. */
  | {
      type: "quality";
      /** As wished. */
      maxHeight?: number | null;
      /** As wished. */
      quality: Quality;
      /** As wished. */
      slot?: string | null;
      /** As wished. */
      trackId?: string | null;
    }
  /** Whom you want to be sent: always all you have said, as far as it still means something. A track goes before its owner, and that before everybody else. */
  | {
      type: "subscriptions";
      /** Whether whoever is not named here is wanted. */
      everybodyElse: boolean;
      /** By participant: whether what they publish is wanted. */
      participants: Record<string, boolean>;
      /** By track: whether it is wanted. */
      tracks: Record<string, boolean>;
    }
  /** Other STUN and TURN servers than before, or fresh credentials before those you have end: for `setConfiguration` of the page's RTCPeerConnection. What flows already goes on by itself. */
  | {
      type: "ice-servers";
      /** All of them, as in `joined`. */
      iceServers: IceServerView[];
    }
  /** Media goes another way from now on: people came, or went, and the room's mode is `mesh` or `auto`. Keep what you have until the other way carries: the one to the server stays open all the while. */
  | {
      type: "mode-changed";
      /** How media goes now. */
      mode: MediaPath;
    }
  /** Somebody tells you what it takes to talk directly. */
  | {
      type: "signal";
      /** As they sent it. */
      data: string;
      /** What about. */
      kind: SignalKind;
      /** Who. */
      participantId: string;
    }
  /** The server is about to stop, or stops now: then the call is over, and so is what `resumeToken` was for. Join again in a moment: this server will be back, or another one in its place. */
  | {
      type: "goodbye";
      /** When; 0 is now, and the socket closes. */
      inSeconds: number;
      /** For people. */
      message: string;
    }
  /** Something was refused, or is over. */
  | {
      type: "error";
      /** Stable, for programs. */
      code: string;
      /** For people: what to do. */
      message: string;
    };

/** A STUN or TURN server, as `RTCPeerConnection` takes it. */
export interface IceServerView {
  /** For TURN. */
  credential?: string | null;
  /** Where it is. */
  urls: string[];
  /** For TURN. */
  username?: string | null;
}

/** One layer of a published track. */
export interface LayerView {
  /** Whether somebody watches it. */
  active: boolean;
  /** As the offer named it; empty: the picture's only encoding, which has no name. */
  rid: string;
}

/** Sound or picture. */
export type MediaKind = "audio" | "video";

/** How media goes between the people of a room. */
export type MediaPath = "sfu" | "mesh";

/** A participant as the others see them. */
export interface ParticipantView {
  /** Whether they ask to speak. */
  handRaised: boolean;
  /** Whether they have given no sign of life for a while. */
  hidden: boolean;
  /** Opaque. */
  participantId: string;
  /** As they gave it. */
  participantName: string;
  /** What they publish. */
  tracks: TrackView[];
}

/** How good a picture a page wants. */
export type Quality = "low" | "medium" | "high" | "auto";

/** How many m-lines able to receive the page should have in total. */
export interface Receive {
  /** Audio m-lines. */
  audio: number;
  /** Video m-lines. */
  video: number;
}

/** Whether somebody may start and stop recordings of a room. */
export type Recordable = "yes" | "off" | "not-granted";

/** What one page tells another, so that the two find a way to each other. */
export type SignalKind = "ask" | "offer" | "answer" | "candidate" | "shown" | "hidden";

/** What of a picture is sent. Each is counted from 0, the lowest. */
export interface SlotLayer {
  /** Which of its encodings, in the order in which `publish-layers` names them to its publisher. */
  encoding: number;
  /** The highest spatial layer of that. */
  spatial: number;
  /** The highest temporal layer of that: of three, 0 has a quarter of the frames. */
  temporal: number;
}

/** One seat. */
export interface SlotView {
  layer?: SlotLayer | null;
  /** The m-line's identification tag. */
  mid: string;
  /** Who is shown. */
  participantId?: string | null;
  source?: TrackSource | null;
  /** Which of their tracks. */
  trackId?: string | null;
}

/** What a track shows. */
export type TrackSource = "microphone" | "camera" | "screen" | "screen-audio";

/** A published track as pages see it. */
export interface TrackView {
  /** Sound or picture. */
  kind: MediaKind;
  /** Whether it is muted, by its owner or over REST. */
  muted: boolean;
  /** What it shows. */
  source: TrackSource;
  /** Opaque. */
  trackId: string;
}

/** The message of this type from a page. */
export type FromClient<Type extends ClientMessage["type"]> = Extract<ClientMessage, { type: Type }>;

/** The message of this type from the server. */
export type FromServer<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;
