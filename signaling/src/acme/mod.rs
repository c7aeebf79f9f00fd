//! Certificates by ACME (RFC 8555): asked for when there is none, or two thirds of its time are over, and
//! shown at once. Nothing waits for it: until there is one, HTTPS shows one that the supervisor made.
//!
//! [`order`] does what a server asks for, [`challenges`] is what it looks at, [`folder`] keeps what came,
//! where the supervisor finds it at the next start. Which proof works depends on what leads to us, port 443
//! or port 80, and nobody can know from inside; so both are tried in turn, beginning with what worked last.

mod challenges;
mod folder;
mod order;

pub(crate) use challenges::{Challenges, TLS_PROTOCOL};
pub use folder::certificate_path;

use crate::tls::{Certificates, TlsIdentity};
use anyhow::Context as _;
use challenges::Proof;
use folder::{Folder, Kept};
use order::Failure;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// For a whole order; the parts have limits of their own.
const ORDER_WITHIN: Duration = Duration::from_secs(300);
/// The other proof is tried as soon as whoever reads the log could follow.
const OTHER_PROOF_AFTER: Duration = Duration::from_secs(5);
/// Let's Encrypt takes five failed proofs of a name in an hour: two now, two now, then ever later …
const AFTER_BOTH_PROOFS: Duration = Duration::from_secs(1800);
/// … but nobody should wait for more than half a day for what they have mended.
const LONGEST_PAUSE: Duration = Duration::from_secs(12 * 3600);
/// A server that is away costs it nothing to be asked again.
const AFTER_AWAY: Duration = Duration::from_secs(60);
const LONGEST_AWAY: Duration = Duration::from_secs(3600);
/// A certificate that is due when it comes would be asked for without end.
const AFTER_SUCCESS: Duration = Duration::from_secs(10);
/// What could not be written is tried again after this: whoever makes room looks whether it helped.
const WRITE_AGAIN: Duration = Duration::from_secs(60);
/// Clocks are set, and machines sleep: what is due is looked at again after this.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// Where certificates come from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AcmeSettings {
    /// The names they are for.
    pub domains: Vec<String>,
    /// Whom the server may write to, or nobody.
    pub contact: String,
    /// The server's directory (RFC 8555 §7.1.1).
    pub directory: String,
    /// Keeps account and certificate.
    pub folder: String,
}

/// What went wrong of late.
#[derive(Debug)]
struct Course {
    proof: Proof,
    /// Since the last success: proofs that were not found, and servers that could not be asked.
    not_proven: u32,
    away: u32,
}

impl Course {
    fn new() -> Course {
        Course { proof: Proof::Tls, not_proven: 0, away: 0 }
    }

    /// How long to wait before the next attempt.
    fn failed(&mut self, failure: &Failure) -> Duration {
        let doubled = |pause: Duration, times: u32, most| pause.saturating_mul(1 << times.min(16)).min(most);
        match failure {
            Failure::Away(_) => {
                self.away += 1;
                doubled(AFTER_AWAY, self.away - 1, LONGEST_AWAY)
            }
            Failure::NotProven(_) => {
                self.not_proven += 1;
                self.proof = match self.proof {
                    Proof::Tls => Proof::Http,
                    Proof::Http => Proof::Tls,
                };
                let is_first_of_two = self.not_proven % 2 == 1;
                let pairs = self.not_proven / 2;
                if is_first_of_two {
                    OTHER_PROOF_AFTER
                } else {
                    doubled(AFTER_BOTH_PROOFS, pairs - 1, LONGEST_PAUSE)
                }
            }
        }
    }

    fn succeeded(&mut self) {
        (self.not_proven, self.away) = (0, 0);
    }
}

/// Sees to it that there is a certificate, for as long as the process lives.
pub(crate) async fn run(
    settings: AcmeSettings,
    certificates: Arc<Certificates>,
    challenges: Arc<Challenges>,
) {
    let mut course = Course::new();
    let folder = Folder::new(&settings.folder);
    loop {
        wait_until_due(&settings, &folder, &certificates).await;
        let attempt = attempt(&settings, &folder, &challenges, course.proof);
        let attempt = tokio::time::timeout(ORDER_WITHIN, attempt).await;
        challenges.clear();
        let pause = match attempt.unwrap_or_else(|_| Err(anyhow::anyhow!("no certificate in time").into())) {
            Ok(kept) => {
                course.succeeded();
                if show(&certificates, &kept) {
                    tracing::info!(good_for = days(kept.until()), "HTTPS has a certificate by ACME");
                }
                AFTER_SUCCESS
            }
            Err(failure) => {
                let (proof, pause) = (course.proof, course.failed(&failure));
                tell(&settings, proof, &failure, pause);
                pause
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn attempt(
    settings: &AcmeSettings,
    folder: &Folder,
    challenges: &Challenges,
    proof: Proof,
) -> Result<Kept, Failure> {
    folder.check()?;
    tracing::info!(names = ?settings.domains, directory = settings.directory, ?proof, "asking for a certificate");
    let kept = order::obtain(settings, folder, challenges, proof).await?;
    if !kept.covers(&settings.domains) {
        return Err(anyhow::anyhow!("the certificate that came is not for all of the names").into());
    }
    folder.keep_certificate(&kept);
    Ok(kept)
}

/// Returns when another certificate is to be asked for.
async fn wait_until_due(settings: &AcmeSettings, folder: &Folder, certificates: &Certificates) {
    let mut is_told = false;
    while let Some(kept) = kept(settings, folder) {
        let Ok(left) = kept.due().duration_since(SystemTime::now()) else { return };
        if !std::mem::replace(&mut is_told, true) {
            tracing::info!(
                good_for = days(kept.until()),
                next_in = days(kept.due()),
                "there is a certificate from {}",
                settings.directory
            );
        }
        let pause = if folder.write_again() {
            LOOK_EVERY
        } else {
            // The supervisor knows the one in the file only, and gives it to us whenever it reads it.
            show(certificates, &kept);
            WRITE_AGAIN
        };
        tokio::time::sleep(left.min(pause)).await;
    }
}

/// What came at another time, if it is what is wanted now.
fn kept(settings: &AcmeSettings, folder: &Folder) -> Option<Kept> {
    let kept = folder.certificate().filter(|kept| kept.covers(&settings.domains))?;
    let is_theirs = matches!(folder.account(&settings.directory), Ok(Some(_)));
    is_theirs.then_some(kept)
}

/// False: it cannot be shown.
fn show(certificates: &Certificates, kept: &Kept) -> bool {
    let identity = TlsIdentity { certificate: kept.pem.clone(), key: kept.pem.clone() };
    let shown = certificates.replace(&identity).context("the certificate that came cannot be shown");
    shown.inspect_err(|error| tracing::error!("{error:#}")).is_ok()
}

fn tell(settings: &AcmeSettings, proof: Proof, failure: &Failure, pause: Duration) {
    let names = settings.domains.join(", ");
    match failure {
        Failure::Away(_) => tracing::warn!(
            "no certificate for {names} from {}: {failure}; the next attempt is in {pause:?}",
            settings.directory
        ),
        Failure::NotProven(_) => {
            let way = match proof {
                Proof::Tls => "port 443 of each name must lead to tls.port of this server",
                Proof::Http => "port 80 of each name must lead to server.port of this server",
            };
            tracing::warn!(
                "no certificate for {names}: {failure}. For this proof {way}; for the other one the other port. \
                 The next attempt is in {pause:?}"
            );
        }
    }
}

/// From now on, for people; negative when it is over.
fn days(until: SystemTime) -> String {
    let text = |time: Duration| match time.as_secs() {
        seconds if seconds < 2 * 86_400 => format!("{seconds} s"),
        seconds => format!("{} days", seconds / 86_400),
    };
    match until.duration_since(SystemTime::now()) {
        Ok(left) => text(left),
        Err(past) => format!("-{}", text(past.duration())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_proven() -> Failure {
        Failure::NotProven(String::from("connection refused"))
    }

    #[test]
    fn both_proofs_are_tried_before_a_long_pause_and_pauses_grow() {
        let mut course = Course::new();
        let mut pauses = Vec::new();
        let mut proofs = Vec::new();
        for _ in 0..16 {
            proofs.push(course.proof);
            pauses.push(course.failed(&not_proven()).as_secs());
        }
        assert_eq!(proofs[..4], [Proof::Tls, Proof::Http, Proof::Tls, Proof::Http]);
        assert_eq!(pauses[..8], [5, 1800, 5, 3600, 5, 7200, 5, 14_400]);
        assert_eq!(pauses[15], 43_200);
        course.succeeded();
        assert_eq!(course.failed(&not_proven()), OTHER_PROOF_AFTER);
    }

    #[test]
    fn no_more_than_five_proofs_fail_within_an_hour() {
        let mut course = Course::new();
        let mut at = Duration::ZERO;
        let times: Vec<Duration> = (0..20)
            .map(|_| {
                let now = at;
                at += course.failed(&not_proven());
                now
            })
            .collect();
        for (place, time) in times.iter().enumerate() {
            let within =
                times[place..].iter().filter(|other| **other - *time < Duration::from_secs(3600)).count();
            assert!(within <= 5, "{within} from {time:?} on");
        }
    }

    #[test]
    fn a_server_that_is_away_is_asked_again_soon_and_by_the_same_proof() {
        let mut course = Course::new();
        let away = || Failure::Away(anyhow::anyhow!("no route to host"));
        let pauses: Vec<u64> = (0..8).map(|_| course.failed(&away()).as_secs()).collect();
        assert_eq!(pauses, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(course.proof, Proof::Tls);
    }
}
