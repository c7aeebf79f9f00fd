//! Why a transport refused a datagram.

/// Why a datagram was dropped. Each is a counter of the shard's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DropCause {
    /// STUN, but not a Binding request: a lite agent asks nothing, so nothing is answered to it.
    StunNotARequest,
    /// No USERNAME, or one that is not `ours:theirs` of this transport.
    StunUnknownUser,
    /// MESSAGE-INTEGRITY is missing or was made with another password.
    StunBadIntegrity,
    /// A check seen before, from an address that has not proved itself: a captured one.
    StunReplayed,
    /// DTLS from an address that ICE has not proved.
    DtlsUnproved,
    /// DTLS for an association whose DTLS state did not outlive the last live upgrade.
    DtlsGone,
    /// The transport has ended.
    Ended,
    /// The answer did not fit where it should have been written.
    NoRoom,
}
