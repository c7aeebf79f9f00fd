//! Asks the store one question that changes nothing: whether it lets us in, has the bucket, and has our time.

use super::client::{Client, StoreError, told};
use super::credentials::Credentials;
use super::http::{Answer, Http};
use crate::settings::StoreSettings;
use hyper::StatusCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Probed {
    /// Whether recordings would be taken, as far as one question tells.
    pub outcome: Result<(), ProbeError>,
    /// Seconds by which our clock is late by the store's, good to a second; `None` where it told no time.
    pub late: Option<f64>,
}

/// Why recordings would not be taken.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum ProbeError {
    /// Nobody gave us any credentials.
    #[error("{0}")]
    NoCredentials(String),
    /// It cannot be reached.
    #[error("the store cannot be reached: {0}")]
    Away(String),
    /// It does not know our credentials.
    #[error("the store does not take the credentials: {0}")]
    Unknown(String),
    /// It knows them, and they do not allow that.
    #[error("the credentials do not allow it: {0}")]
    Forbidden(String),
    /// It does not take what a clock like ours has signed.
    #[error("the store does not take our time: {0}")]
    Clock(String),
    /// There is no such bucket.
    #[error("the store has no such bucket: {0}")]
    NoBucket(String),
    /// It does not know the question; whether it takes recordings is not known.
    #[error("the store does not list uploads: {0}")]
    Unasked(String),
    /// It does not want to for another reason.
    #[error("the store refuses: {0}")]
    Refused(String),
}

/// Asks for the uploads that are under way, as the recorder does before it brings a recording there.
pub async fn probe(settings: &StoreSettings) -> Probed {
    probe_with(settings, Credentials::of_process()).await
}

async fn probe_with(settings: &StoreSettings, credentials: Credentials) -> Probed {
    let sent = SystemTime::now();
    match ask(settings, credentials).await {
        Ok(answer) => Probed {
            outcome: meaning(&answer),
            late: answer.date.map(|date| late_by(date, [sent, SystemTime::now()])),
        },
        Err(error) => Probed { outcome: Err(error), late: None },
    }
}

async fn ask(settings: &StoreSettings, mut credentials: Credentials) -> Result<Answer, ProbeError> {
    let http = Http::new().map_err(|error| ProbeError::Away(error.to_string()))?;
    let keys = credentials.get(&http).await.map_err(ProbeError::NoCredentials)?;
    let client = Client::new(http, settings).map_err(ProbeError::Refused)?;
    client.ask_for_uploads(&keys, &settings.prefix).await.map_err(|error| match error {
        StoreError::Away(text) => ProbeError::Away(text),
        error => ProbeError::Refused(error.to_string()),
    })
}

fn meaning(answer: &Answer) -> Result<(), ProbeError> {
    let (code, text) = told(answer);
    Err(match (answer.status, code.as_str()) {
        (status, _) if status.is_success() => return Ok(()),
        (_, "RequestTimeTooSkewed") => ProbeError::Clock(text),
        (_, "AccessDenied") => ProbeError::Forbidden(text),
        (_, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => ProbeError::Unknown(text),
        (StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED, _) => ProbeError::Unknown(text),
        (StatusCode::NOT_FOUND, _) => ProbeError::NoBucket(text),
        (StatusCode::NOT_IMPLEMENTED | StatusCode::METHOD_NOT_ALLOWED, _) => ProbeError::Unasked(text),
        (status, _) if status.is_server_error() => ProbeError::Away(text),
        _ => ProbeError::Refused(text),
    })
}

/// Somewhere between asking and hearing it was that second there: from both middles.
fn late_by(date: SystemTime, asked: [SystemTime; 2]) -> f64 {
    let unix = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    unix(date) + 0.5 - (unix(asked[0]) + unix(asked[1])) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

    /// What the probe makes of a store that says this to whoever comes.
    fn heard(status: u16, headers: &str, body: &str) -> Probed {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\n\r\n{body}");
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            assert!(line.starts_with("GET /films/?") && line.contains("uploads"), "{line}");
            while line.trim() != "" {
                line.clear();
                reader.read_line(&mut line).unwrap();
            }
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        });
        probed(&settings(Some(endpoint)))
    }

    fn settings(endpoint: Option<String>) -> StoreSettings {
        StoreSettings {
            endpoint,
            region: String::from("eu-central-1"),
            bucket: String::from("films"),
            is_path_style: true,
            prefix: String::from("calls/"),
            cache_control: String::new(),
            keeps_local: true,
            spool_bytes: 0,
        }
    }

    fn probed(settings: &StoreSettings) -> Probed {
        let keys = |name: &str| {
            matches!(name, "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY").then(|| String::from("north"))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(probe_with(settings, Credentials::of(keys)))
    }

    fn error(status: u16, code: &str) -> ProbeError {
        let body = format!("<Error><Code>{code}</Code><Message>why</Message></Error>");
        heard(status, "", &body).outcome.unwrap_err()
    }

    #[test]
    fn a_store_that_lists_uploads_takes_recordings() {
        let probed = heard(200, "", "<ListMultipartUploadsResult></ListMultipartUploadsResult>");
        assert_eq!(probed, Probed { outcome: Ok(()), late: None });
    }

    #[test]
    fn each_refusal_is_told_apart() {
        assert_eq!(error(404, "NoSuchBucket"), ProbeError::NoBucket(String::from("404 NoSuchBucket why")));
        assert!(matches!(error(403, "InvalidAccessKeyId"), ProbeError::Unknown(_)));
        assert!(matches!(error(403, "SignatureDoesNotMatch"), ProbeError::Unknown(_)));
        assert!(matches!(error(403, "AccessDenied"), ProbeError::Forbidden(_)));
        assert!(matches!(error(403, "RequestTimeTooSkewed"), ProbeError::Clock(_)));
        assert!(matches!(error(501, "NotImplemented"), ProbeError::Unasked(_)));
        assert!(matches!(error(503, "SlowDown"), ProbeError::Away(_)));
        assert!(matches!(error(301, "PermanentRedirect"), ProbeError::Refused(_)));
    }

    #[test]
    fn a_refusal_tells_the_time_as_well() {
        let ahead = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1_200));
        let probed = heard(403, &format!("date: {ahead}\r\n"), "<Error><Code>AccessDenied</Code></Error>");
        // However slow this machine is: a minute passes between two lines on none.
        assert!(probed.late.is_some_and(|late| (1_140.0..=1_201.0).contains(&late)), "{probed:?}");
    }

    #[test]
    fn the_middle_of_both_ways_is_when_the_second_was() {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        assert_eq!(late_by(at(10_000), [at(10_300), at(10_700)]), 0.0);
        assert_eq!(late_by(at(10_000), [at(19_000), at(22_000)]), -10.0);
    }

    #[test]
    fn a_store_that_hangs_up_is_away_and_a_name_that_is_none_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || listener.incoming().for_each(drop));
        let away = probed(&settings(Some(endpoint)));
        assert!(matches!(away.outcome, Err(ProbeError::Away(_))), "{away:?}");
        let wrong = probed(&settings(Some(String::from("nonsense"))));
        assert!(matches!(wrong.outcome, Err(ProbeError::Refused(_))), "{wrong:?}");
    }
}
