//! ICE credentials of the load's side.

use crate::signal::Credentials;
use anyhow::anyhow;
use aws_lc_rs::rand;

/// New ones: 16 and 32 characters, where RFC 8445 §5.3 wants at least 4 and 22.
pub(super) fn fresh() -> anyhow::Result<Credentials> {
    Ok(Credentials { ufrag: hex(8)?, password: hex(16)? })
}

fn hex(bytes: usize) -> anyhow::Result<String> {
    let mut random = vec![0; bytes];
    rand::fill(&mut random).map_err(|_| anyhow!("the system gives no random bytes"))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_participants_share_credentials() {
        let (one, other) = (fresh().expect("random"), fresh().expect("random"));
        assert_ne!(one, other);
        assert_eq!((one.ufrag.len(), one.password.len()), (16, 32));
    }
}
