//! What signaling was not told of a recording yet, as an empty file in its folder says.
//!
//! The file is there before the manifest says that there is something to tell, and goes when signaling has it in its
//! records: a kill in between has it told twice rather than never. Recordings that are older than these files have none,
//! so nothing of them is told anew.

use crate::desk::Tiding;
use crate::folder::{Folder, Name, Recording};
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// This is to be told.
pub(crate) fn note(recording: &Recording, tiding: Tiding) {
    match recording.create(&file(tiding)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            tracing::warn!(%error, ?tiding, "if Volley is killed now, nobody is told of a recording");
        }
        _ => {}
    }
}

/// Whether this is still to be told.
pub(crate) fn is_untold(recording: &Recording, tiding: Tiding) -> bool {
    recording.read(&file(tiding)).is_ok()
}

fn file(tiding: Tiding) -> Name {
    let name = match tiding {
        Tiding::Ended => "ended.untold",
        Tiding::Uploaded => "uploaded.untold",
    };
    Name::new(name).expect("it is a name")
}

/// Who strikes out what was told, on a thread that waits for the disk.
#[derive(Clone, Debug)]
pub(crate) struct Clerk {
    orders: Sender<Order>,
}

#[derive(Debug)]
enum Order {
    StrikeOut(Name, Tiding),
    /// To be answered when all before it is done.
    Answer(Sender<()>),
}

impl Clerk {
    /// Starts the thread; it ends with the last of those who have one.
    pub(crate) fn start(folder: Folder) -> io::Result<Clerk> {
        let (orders, waiting) = channel();
        thread::Builder::new().name(String::from("told")).spawn(move || {
            for order in waiting {
                match order {
                    Order::StrikeOut(name, tiding) => strike_out(&folder, &name, tiding),
                    // Whoever asked may have gone.
                    Order::Answer(done) => drop(done.send(())),
                }
            }
        })?;
        Ok(Clerk { orders })
    }

    /// This was told.
    pub(crate) fn was_told(&self, name: Name, tiding: Tiding) {
        self.order(Order::StrikeOut(name, tiding));
    }

    /// Returns when all that was told so far is struck out. Not for the thread that takes packets.
    pub(crate) fn settle(&self) {
        let (done, wait) = channel();
        self.order(Order::Answer(done));
        // Without an answer there is nobody to wait for.
        let _ = wait.recv();
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::error!("nobody notes what was told of recordings; it is told again at the next start");
        }
    }
}

fn strike_out(folder: &Folder, name: &Name, tiding: Tiding) {
    match folder.open(name).and_then(|recording| recording.remove(&file(tiding))) {
        // It may be deleted by now.
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(recording = %name, %error, ?tiding, "it is told again at the next start");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::name;

    #[test]
    fn what_was_noted_is_untold_until_it_was_told() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path());
        let recording = folder.make(&name("rec-1")).unwrap();
        assert!(!is_untold(&recording, Tiding::Ended), "of what is older nothing is told anew");
        [Tiding::Ended, Tiding::Ended, Tiding::Uploaded].iter().for_each(|tiding| note(&recording, *tiding));
        let clerk = Clerk::start(folder).unwrap();
        clerk.was_told(name("rec-2"), Tiding::Ended);
        clerk.was_told(name("rec-1"), Tiding::Ended);
        clerk.settle();
        assert!(!is_untold(&recording, Tiding::Ended) && is_untold(&recording, Tiding::Uploaded));
    }
}
