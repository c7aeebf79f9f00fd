//! Opening a ring that can do what we need and nothing else.

use std::io;
use std::os::fd::RawFd;

use io_uring::register::Restriction;
use io_uring::squeue::Flags;
use io_uring::{IoUring, opcode};

use super::super::config::{IoConfig, IoError};
use super::buffers::BufferRing;

/// `IORING_REGISTER_SYNC_CANCEL`, the only registration left open: it ends all requests before the
/// buffers they use are unmapped.
const REGISTER_SYNC_CANCEL: u8 = 24;

/// Submissions between two system calls. Ring memory is charged to the locked-memory limit of the
/// user, so it is small: 16 KiB, and a flush of more trains is cut into several submissions.
const SUBMISSIONS: u32 = 256;

/// A ring over `files`, enabled and restricted. `buffers` must outlive it.
pub(super) fn open(files: &[RawFd], buffers: &BufferRing, config: &IoConfig) -> Result<IoUring, IoError> {
    // Every buffer and every train may complete within one turn.
    let completions = u32::from(config.trains) + buffers.count() as u32 + SUBMISSIONS;
    let ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .setup_r_disabled()
        .setup_cqsize(completions.next_power_of_two())
        .build(SUBMISSIONS)
        .map_err(|error| IoError::uring("io_uring_setup", error))?;
    let submitter = ring.submitter();
    submitter.register_files(files).map_err(|error| IoError::uring("registering the sockets", error))?;
    buffers.register(&submitter).map_err(|error| IoError::uring("registering the receive buffers", error))?;
    restrict(&ring).map_err(|error| IoError::uring("restricting the ring", error))?;
    submitter.register_enable_rings().map_err(|error| IoError::uring("enabling the ring", error))?;
    Ok(ring)
}

/// System call filters cannot see ring operations, so the ring itself is told: four kinds of
/// request, on registered files only.
fn restrict(ring: &IoUring) -> io::Result<()> {
    ring.submitter().register_restrictions(&mut [
        Restriction::sqe_op(opcode::RecvMsgMulti::CODE),
        Restriction::sqe_op(opcode::SendMsg::CODE),
        Restriction::sqe_op(opcode::PollAdd::CODE),
        Restriction::sqe_flags_allowed(Flags::BUFFER_SELECT.bits()),
        Restriction::sqe_flags_required(Flags::FIXED_FILE.bits()),
        Restriction::register_op(REGISTER_SYNC_CANCEL),
    ])
}
