//! The object store that recordings go to: whether it lets us in, has the bucket, and agrees on the time. It is asked by
//! the recorder's own code, which says what recordings would meet.

use super::Case;
use super::clock;
use super::finding::Finding;
use std::time::Duration;
use volley_recorder::settings::StoreSettings;
use volley_recorder::store::{ProbeError, Probed, probe};

/// A store answers within a second; a role of the machine is asked for before.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// As much as any clock is off that something keeps, and far more than the way there and the second that a store tells
/// its time by.
const WRONG: f64 = 30.0;
/// From here on Amazon's store, and those that do as it does, refuse what was signed.
const REFUSED_FROM: f64 = 900.0;

/// Asks it, where recordings are to go to one.
pub(super) async fn ask(store: Option<StoreSettings>) -> Option<Probed> {
    let settings = store?;
    let silent = || Probed { outcome: Err(ProbeError::Away(String::from("it does not answer"))), late: None };
    Some(tokio::time::timeout(ANSWER_WITHIN, probe(&settings)).await.unwrap_or_else(|_| silent()))
}

/// What is wrong with it.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let store = case.config.recorder().and_then(|recorder| recorder.store);
    let (Some(settings), Some(Probed { outcome, late })) = (store, &case.answers.store) else {
        return Vec::new();
    };
    let skew = late.filter(|late| late.abs() >= WRONG);
    match (outcome, skew) {
        (Ok(()), None) => Vec::new(),
        (Ok(()), Some(late)) => vec![off(late)],
        (Err(error), Some(late)) if may_be_for_the_clock(error) => {
            vec![refused_for_it(&settings, error, Some(late))]
        }
        (Err(error @ ProbeError::Clock(_)), None) => vec![refused_for_it(&settings, error, None)],
        (Err(error), skew) => skew.map(off).into_iter().chain([trouble(case, &settings, error)]).collect(),
    }
}

/// What is signed too early or too late is refused under several names.
fn may_be_for_the_clock(error: &ProbeError) -> bool {
    matches!(error, ProbeError::Clock(_) | ProbeError::Forbidden(_) | ProbeError::Unknown(_))
}

fn off(late: f64) -> Finding {
    let what = format!("{}, by the store that recordings go to", differs(late));
    if late.abs() < REFUSED_FROM {
        return Finding::warning("s3-clock", what, clock::MEND);
    }
    Finding::error("s3-clock", format!("{what}: it refuses what is signed so far from its time"), clock::MEND)
}

fn differs(late: f64) -> String {
    format!("The clock is {:.0} s {}", late.abs(), if late > 0.0 { "late" } else { "early" })
}

fn refused_for_it(settings: &StoreSettings, error: &ProbeError, late: Option<f64>) -> Finding {
    let differs = late.map_or_else(|| String::from("The clock is wrong"), differs);
    let what = format!("{differs}, by the store that recordings go to ({}): {error}", settings.bucket);
    Finding::error("s3-clock", what, clock::MEND)
}

fn trouble(case: &Case<'_>, settings: &StoreSettings, error: &ProbeError) -> Finding {
    let what = format!("Recordings are to go to the bucket {}: {error}", settings.bucket);
    match error {
        ProbeError::NoBucket(_) => Finding::error("s3-bucket-missing", what, bucket_mend(settings)),
        // They stand where the server gets its variables from, and the doctor was started by hand.
        ProbeError::NoCredentials(_) if case.running.is_some() => Finding::skipped(
            "s3-unseen",
            format!(
                "Whether the server that runs may write to the bucket {} was not seen: {error}",
                settings.bucket
            ),
            "ask as the server: sudo systemd-run --quiet --pipe --wait -p EnvironmentFile=/etc/volley/volley.env volley doctor --config /etc/volley",
        ),
        ProbeError::NoCredentials(_) | ProbeError::Unknown(_) => Finding::error(
            "s3-credentials",
            what,
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY as the store knows them (for the service: in /etc/volley/volley.env)",
        ),
        // The recorder asks the same only to tidy up, and does without it.
        ProbeError::Forbidden(_) => Finding::warning(
            "s3-rights",
            what,
            format!(
                "let them do s3:PutObject, s3:GetObject, s3:DeleteObject and s3:AbortMultipartUpload with arn:aws:s3:::{0}/*, and \
                 s3:ListBucketMultipartUploads with arn:aws:s3:::{0}",
                settings.bucket
            ),
        ),
        ProbeError::Unasked(_) => Finding::skipped(
            "s3-unseen",
            format!("Whether the bucket {} takes recordings was not seen: {error}", settings.bucket),
            "record for a few seconds and look at the log",
        ),
        ProbeError::Away(_) => Finding::error(
            "s3-unreachable",
            what,
            "see that recording.s3_endpoint leads to it, and that no firewall stands between",
        ),
        ProbeError::Clock(_) | ProbeError::Refused(_) => Finding::error(
            "s3-refused",
            what,
            "see recording.s3_endpoint, recording.s3_region and recording.s3_addressing",
        ),
    }
}

fn bucket_mend(StoreSettings { bucket, region, endpoint, .. }: &StoreSettings) -> String {
    // An address may hold a password, and what is printed here is shown around.
    let place = match endpoint {
        Some(_) => String::from("--endpoint-url ENDPOINT (recording.s3_endpoint)"),
        None => format!("--region {region}"),
    };
    format!(
        "aws s3 mb s3://{bucket} {place}\nor name the one there is: recording.s3_bucket, recording.s3_region"
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::running::Running;
    use super::super::testing::Patient;
    use super::*;

    fn patient() -> Patient {
        let mut patient = Patient::sound();
        let variables = [("ENABLED", "true"), ("S3_UPLOAD", "true"), ("S3_BUCKET", "films")];
        let named = variables.map(|(name, value)| (format!("VOLLEY_RECORDING__{name}"), value));
        patient.set_all(&named.each_ref().map(|(name, value)| (name.as_str(), *value)));
        patient
    }

    fn found(patient: &mut Patient, outcome: Result<(), ProbeError>, late: Option<f64>) -> Vec<Finding> {
        patient.answers.store = Some(Probed { outcome, late });
        check(&patient.case())
    }

    fn text(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn what_a_store_says_has_its_mend() {
        let mut patient = patient();
        assert_eq!(found(&mut patient, Ok(()), Some(-1.2)), Vec::new());
        let mut told = |error| {
            let finding = found(&mut patient, Err(error), Some(0.4)).remove(0);
            (finding.level, finding.check, finding.mend)
        };
        let (level, check, mend) = told(ProbeError::NoBucket(text("404 NoSuchBucket")));
        assert_eq!((level, check), (Level::Error, "s3-bucket-missing"));
        assert!(mend.starts_with("aws s3 mb s3://films --region us-east-1\n"), "{mend}");
        assert_eq!(told(ProbeError::Unknown(text("403"))).1, "s3-credentials");
        assert_eq!(told(ProbeError::NoCredentials(text("none"))).1, "s3-credentials");
        assert_eq!(told(ProbeError::Away(text("refused"))).1, "s3-unreachable");
        assert_eq!(told(ProbeError::Refused(text("301"))).1, "s3-refused");
        assert_eq!(told(ProbeError::Unasked(text("501"))).0, Level::Skipped);
        let (level, check, mend) = told(ProbeError::Forbidden(text("403 AccessDenied")));
        assert!((level, check) == (Level::Warning, "s3-rights") && mend.contains("arn:aws:s3:::films/*"));
    }

    #[test]
    fn a_store_of_ones_own_is_named_by_where_its_address_stands() {
        let mut patient = patient();
        patient.set("VOLLEY_RECORDING__S3_ENDPOINT", "http://10.0.0.9:9000");
        let finding = found(&mut patient, Err(ProbeError::NoBucket(text("404"))), None).remove(0);
        assert!(
            finding.mend.contains("aws s3 mb s3://films --endpoint-url ENDPOINT (recording.s3_endpoint)\n"),
            "{finding:?}"
        );
    }

    #[test]
    fn a_clock_that_differs_from_the_store_is_what_is_wrong_and_not_the_credentials() {
        let mut patient = patient();
        let mut told = |outcome, late| {
            let found = found(&mut patient, outcome, late);
            found.into_iter().map(|finding| (finding.level, finding.check)).collect::<Vec<_>>()
        };
        assert_eq!(told(Ok(()), Some(60.0)), [(Level::Warning, "s3-clock")]);
        let wrong = [(Level::Error, "s3-clock")];
        assert_eq!(told(Ok(()), Some(-1_000.0)), wrong);
        assert_eq!(told(Err(ProbeError::Forbidden(text("403 AccessDenied"))), Some(1_200.0)), wrong);
        assert_eq!(told(Err(ProbeError::Clock(text("403"))), None), wrong);
        let missing = told(Err(ProbeError::NoBucket(text("404"))), Some(40.0));
        assert_eq!(missing, [(Level::Warning, "s3-clock"), (Level::Error, "s3-bucket-missing")]);
    }

    #[test]
    fn credentials_that_the_server_has_and_the_doctor_not_are_no_fault() {
        let mut patient = patient();
        patient.running = Some(Running::default());
        let finding = found(&mut patient, Err(ProbeError::NoCredentials(text("none"))), None).remove(0);
        assert_eq!((finding.level, finding.check), (Level::Skipped, "s3-unseen"));
    }

    #[test]
    fn without_a_store_nothing_is_asked_and_nothing_said() {
        let mut patient = patient();
        patient.set("VOLLEY_RECORDING__S3_UPLOAD", "false");
        assert_eq!(found(&mut patient, Err(ProbeError::Away(text("refused"))), None), Vec::new());
    }
}
