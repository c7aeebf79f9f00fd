//! The recorder on another machine: whether it is there, and lets this one in. It is asked by the forwarder's own
//! code, which says what recordings would meet; it is not told of any, and one that records goes on.

use super::Case;
use super::finding::Finding;
use crate::config::Config;
use volley_recorder::remote;

/// Why it would not take recordings; `None` where it would, or there is none.
pub(super) async fn ask(config: &Config) -> Option<String> {
    config.recorder()?;
    match config.offload() {
        Ok(Some(offload)) => remote::probe(&offload).await.err(),
        Ok(None) => None,
        Err(error) => Some(format!("{error:#}")),
    }
}

/// What is wrong with it.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let trouble = case.answers.offload.iter().map(|why| {
        let address: String = case.config.get("recording.offload");
        Finding::error(
            "recording-offload",
            format!("Recordings are to be made by the recorder at {address}: {why}"),
            "on that machine: volley recorder --listen 0.0.0.0:9300 --secret-file FILE, with the secret of recording.offload_secret_file",
        )
    });
    let here_too = "recording.s3_upload, where recording.offload is set";
    let is_for_nobody = !case.config.get::<String>("recording.offload").is_empty()
        && case.config.recorder().is_some_and(|recorder| recorder.store.is_some());
    let unused = is_for_nobody.then(|| {
        Finding::notice(
            "recording-offload-store",
            format!("Nothing is uploaded from here ({here_too}): the recorder on the other machine does it"),
            "configure the store there, and leave recording.s3_upload out here",
        )
    });
    trouble.chain(unused).collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::testing::Patient;
    use super::*;

    #[test]
    fn a_recorder_that_is_not_there_is_told_with_what_to_do() {
        let mut patient = Patient::sound();
        assert_eq!(check(&patient.case()), Vec::new());
        patient.set_all(&[
            ("VOLLEY_RECORDING__OFFLOAD", "10.0.0.9:9300"),
            ("VOLLEY_RECORDING__OFFLOAD_SECRET_FILE", "/nowhere"),
            ("VOLLEY_RECORDING__S3_UPLOAD", "true"),
        ]);
        patient.answers.offload = Some(String::from("it has another secret"));
        let found = check(&patient.case());
        assert_eq!((found[0].level, found[0].check), (Level::Error, "recording-offload"));
        assert!(found[0].what.contains("10.0.0.9:9300: it has another secret"), "{found:?}");
        assert_eq!((found[1].level, found[1].check), (Level::Notice, "recording-offload-store"));
    }

    #[tokio::test]
    async fn a_secret_that_is_missing_is_found_without_asking_anybody() {
        let mut patient = Patient::sound();
        patient.set_all(&[
            ("VOLLEY_RECORDING__OFFLOAD", "10.0.0.9:9300"),
            ("VOLLEY_RECORDING__OFFLOAD_SECRET_FILE", "/nowhere"),
        ]);
        let why = ask(patient.case().config).await.unwrap();
        assert!(why.contains("openssl rand -hex 32 > /nowhere"), "{why}");
    }
}
