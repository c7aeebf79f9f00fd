//! The same expectations of both back ends, against plain sockets on loopback.

mod limits;
mod receiving;
mod refusals;
pub(super) mod rig;
mod sending;
mod streams;
mod waiting;

/// Runs each function of a module once per back end.
macro_rules! on_both_back_ends {
    ($($name:ident),* $(,)?) => {
        mod io_uring {
            $(#[test] fn $name() { super::$name(crate::io::IoChoice::Uring); })*
        }
        mod epoll {
            $(#[test] fn $name() { super::$name(crate::io::IoChoice::Epoll); })*
        }
    };
}
pub(super) use on_both_back_ends;
