//! What a track is owed: history, fan-out, rewriting, recovery and feedback.
//!
//! Pure code over packets that are already authentic and decrypted. Knows no transport, no socket
//! and no clock; `shard` brings it together with both.

pub mod allocation;
pub mod bwe;
pub mod choice;
pub mod fec;
pub mod frame;
pub mod history;
pub mod key_frame;
pub mod key_request;
pub mod ladder;
pub mod meter;
pub mod nack;
pub mod numbering;
pub mod pacer;
pub mod packet;
pub mod pictures;
pub mod presence;
pub mod reception;
pub mod resend;
pub mod seen;
pub mod selection;
pub mod sender_clock;
pub mod slot;
pub mod taping;
pub mod track;
pub mod train_plan;
pub mod twcc;
pub mod voice;
