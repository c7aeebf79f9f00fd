//! Opening a ring that can do what we need and nothing else.

use std::io;
use std::os::fd::RawFd;

use io_uring::register::Restriction;
use io_uring::squeue::Flags;
use io_uring::{IoUring, opcode};

use super::super::config::IoError;
use super::buffers::BufferRing;

/// `IORING_REGISTER_SYNC_CANCEL`, the only registration left open: it ends all requests before the
/// buffers they use are unmapped.
const REGISTER_SYNC_CANCEL: u8 = 24;

/// Submissions between two system calls. Ring memory is charged to the locked-memory limit of the
/// user, so it is small: 16 KiB, and a flush of more trains is cut into several submissions.
const SUBMISSIONS: u32 = 256;

/// A ring over `files`, enabled and restricted. `buffers` must outlive it.
pub(super) fn open(files: &[RawFd], buffers: &BufferRing) -> Result<IoUring, IoError> {
    // What can complete before it is reaped: one submission, every buffer, and as many wakes and
    // polls as anyone has.
    let completions = SUBMISSIONS + buffers.count() as u32 + u32::from(u8::MAX);
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

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    use io_uring::types::Fixed;

    use super::super::super::config::IoConfig;
    use super::*;

    #[test]
    fn a_ring_refuses_what_it_was_not_opened_for() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has UDP");
        let buffers = BufferRing::new(&IoConfig::default()).expect("there is memory");
        let mut ring = open(&[socket.as_raw_fd()], &buffers).expect("io_uring works here");
        let mut on_fixed_file = [0; 8];
        let read = opcode::Read::new(Fixed(0), on_fixed_file.as_mut_ptr(), 8).build();
        let unregistered = io_uring::types::Fd(socket.as_raw_fd());
        let poll = opcode::PollAdd::new(unregistered, libc::POLLIN as u32).build();
        for entry in [read, poll] {
            // SAFETY: the buffer outlives the request, which is refused before it starts.
            unsafe { ring.submission().push(&entry).expect("the queue is empty") };
            ring.submit_and_wait(1).expect("the ring answers");
            let completion = ring.completion().next().expect("there is one completion");
            assert_eq!(completion.result(), -libc::EACCES);
        }
        let registration = ring.submitter().register_files_update(0, &[socket.as_raw_fd()]);
        let error = registration.expect_err("files are fixed once the ring is enabled");
        assert_eq!(error.raw_os_error(), Some(libc::EACCES));
    }
}
