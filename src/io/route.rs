//! What is known per train id: the train being gathered, and whether its route takes trains.

use crate::base::{Path, SocketIndex, TrainId};

use super::pool::Slot;

/// Beyond this, ids are treated as stray: they are dense, so a larger one is a mistake that must
/// not cost memory.
const MOST_ROUTES: u32 = 1 << 20;

/// Whether the kernel takes trains on a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gso {
    /// The first train goes out by itself, so that a refusal delays it and cannot reorder it.
    Untried,
    Works,
    /// From now on each datagram is a train of its own.
    Refused,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) path: Path,
    pub(super) gso: Gso,
    pub(super) open: Option<Slot>,
}

/// Routes by train id.
#[derive(Default)]
pub(super) struct Routes {
    routes: Vec<Route>,
}

impl Routes {
    /// The route of `id` over `path`. A changed path is a new route. `None` for strays.
    pub(super) fn over(&mut self, id: TrainId, path: &Path) -> Option<&mut Route> {
        if id.0 >= MOST_ROUTES {
            return None;
        }
        let index = id.0 as usize;
        if index >= self.routes.len() {
            self.grow(index);
        }
        let route = &mut self.routes[index];
        if route.path != *path {
            *route = Route { path: *path, gso: Gso::Untried, open: None };
        }
        Some(route)
    }

    /// The route of `id`, if it has one.
    pub(super) fn get_mut(&mut self, id: TrainId) -> Option<&mut Route> {
        self.routes.get_mut(id.0 as usize)
    }

    #[cold]
    fn grow(&mut self, index: usize) {
        let nowhere = Path { socket: SocketIndex(u16::MAX), remote: ([0, 0, 0, 0], 0).into() };
        self.routes.resize(index + 1, Route { path: nowhere, gso: Gso::Untried, open: None });
    }
}
