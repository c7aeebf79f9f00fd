//! What the state makes of what it is told: people, rooms, offers and what outlives a process, without a socket, a clock or
//! a media process. One program, since each one takes seconds to link.

#[path = "../common/mod.rs"]
mod common;

mod access;
mod calls;
mod configured;
mod descriptions;
mod direct;
mod drain;
mod encrypted;
mod foreign_peer;
mod journeys;
mod layers;
mod moderation;
mod negotiation;
mod reach;
mod recording;
mod records;
mod regranted;
mod relays;
mod revocation;
mod spreading;
mod subscriptions;
mod webhooks;
