//! The certificate: whether it can be shown, belongs to its key, and how long it is good for.

use super::Case;
use super::finding::Finding;
use crate::tls::{Certificate, names_of_files};
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::pem::Pem;

/// Who renews by hand needs some days; who has one of a week has a sixth of it.
const SOON: Duration = Duration::from_secs(14 * 86_400);
const DAY: u64 = 86_400;

/// From when until when it is good.
struct Validity {
    from: SystemTime,
    until: SystemTime,
}

/// What is wrong with it.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let is_fetched = case.config.acme().is_some();
    let certificate = match Certificate::load(case.config, &case.host.addresses) {
        Ok(Certificate::None) => return plain(case).into_iter().collect(),
        Ok(Certificate::Made(_)) if is_fetched => return vec![not_fetched(case)],
        Ok(Certificate::Made(_)) => return Vec::new(),
        Ok(Certificate::Files { identity, .. }) => identity.certificate,
        Err(error) => return vec![unusable(case, &error)],
    };
    let Some(validity) = validity(&certificate) else { return Vec::new() };
    let mend = if is_fetched { FETCH } else { RENEW };
    judge(&validity, case.host.now, mend).into_iter().collect()
}

const RENEW: &str = "renew it (certbot renew, or who made it); Volley looks at the files every 30 s and needs no restart\n\
     or let Volley fetch one: --acme-domains NAME, without --tls-certificate and --tls-key";
const FETCH: &str = "Volley renews it while it runs; why it could not stands in its log (port 443 of the name must lead to \
     tls.port, or port 80 to server.port)";

fn validity(pem: &str) -> Option<Validity> {
    // The first that is a certificate: what ACME fetched has its key in front.
    let der = Pem::iter_from_buffer(pem.as_bytes()).flatten().find(|pem| pem.label == "CERTIFICATE")?;
    let validity = der.parse_x509().ok()?.validity().clone();
    let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64);
    Some(Validity { from: at(validity.not_before.timestamp()), until: at(validity.not_after.timestamp()) })
}

fn judge(Validity { from, until }: &Validity, now: SystemTime, mend: &str) -> Option<Finding> {
    if let Ok(ago) = now.duration_since(*until) {
        let what = format!("The certificate of HTTPS expired {} ago: browsers refuse the page", days(ago));
        return Some(Finding::error("certificate-expired", what, mend));
    }
    if let Ok(ahead) = from.duration_since(now).map(days).map(|days| format!("{days} from now")) {
        let what = format!("The certificate of HTTPS is good only {ahead}: browsers refuse the page");
        return Some(Finding::error("certificate-early", what, format!("set the clock, or wait\n{mend}")));
    }
    let (left, lifetime) = (until.duration_since(now).ok()?, until.duration_since(*from).ok()?);
    (left < SOON.min(lifetime / 6)).then(|| {
        let what = format!("The certificate of HTTPS expires in {}", days(left));
        Finding::warning("certificate-expires", what, mend)
    })
}

fn days(time: Duration) -> String {
    match time.as_secs() / DAY {
        0 => format!("{} hours", time.as_secs() / 3_600),
        1 => String::from("1 day"),
        days => format!("{days} days"),
    }
}

fn unusable(case: &Case<'_>, error: &anyhow::Error) -> Finding {
    let what = format!("HTTPS cannot be served, and Volley does not start: {error:#}");
    let [certificate, key] = names_of_files(case.config);
    let mend = format!(
        "name a certificate with its chain and the key it was made with: --tls-certificate fullchain.pem --tls-key privkey.pem\n\
         these two must print the same: openssl x509 -in {certificate} -noout -pubkey; openssl pkey -in {key} -pubout"
    );
    Finding::error("certificate-unusable", what, mend)
}

fn not_fetched(case: &Case<'_>) -> Finding {
    let domains: Vec<String> = case.config.get("tls.acme.domains");
    let what =
        format!("No certificate for {} was fetched yet; browsers warn until it is", domains.join(", "));
    Finding::notice("certificate-missing", what, FETCH)
}

/// Only a secure page gets a camera, and plain HTTP is one on the machine itself alone.
fn plain(case: &Case<'_>) -> Option<Finding> {
    let host: IpAddr = case.config.get("server.host");
    let has_proxy = !case.config.get::<Vec<String>>("security.trusted_proxies").is_empty();
    if host.is_loopback() || has_proxy {
        return None;
    }
    let what = "There is no HTTPS: browsers give a page from another machine neither camera nor microphone";
    let mend = "--acme-domains NAME, or --tls-certificate FILE --tls-key FILE\n\
                behind a proxy that speaks TLS: security.trusted_proxies: [\"ITS ADDRESS\"]\nfor trying out: --dev";
    Some(Finding::notice("no-https", what, mend))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::testing::Patient;
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    /// A patient whose certificate is of the year 2026, and now is so many days after its first one.
    fn patient(day: i64) -> Patient {
        let mut parameters = CertificateParams::new(vec![String::from("sfu.example.org")]).unwrap();
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 4, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let mut patient = Patient::sound();
        patient.write("c.pem", &certificate.pem());
        patient.write("k.pem", &key.serialize_pem());
        let folder = patient.host().root.display().to_string();
        let [certificate, key] = ["c.pem", "k.pem"].map(|name| format!("{folder}/{name}"));
        patient.set_all(&[("VOLLEY_TLS__CERTIFICATE", &certificate), ("VOLLEY_TLS__KEY", &key)]);
        let first = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let offset = Duration::from_secs(day.unsigned_abs() * DAY);
        patient.host().now = if day < 0 { first - offset } else { first + offset };
        patient
    }

    fn found(patient: &Patient) -> Option<(Level, &'static str)> {
        check(&patient.case()).first().map(|finding| (finding.level, finding.check))
    }

    #[test]
    fn it_is_well_until_two_weeks_before_its_end_and_of_no_use_outside_of_its_time() {
        assert_eq!(found(&patient(1)), None);
        assert_eq!(found(&patient(74)), None);
        assert_eq!(found(&patient(77)), Some((Level::Warning, "certificate-expires")));
        assert_eq!(found(&patient(91)), Some((Level::Error, "certificate-expired")));
        assert_eq!(found(&patient(-2)), Some((Level::Error, "certificate-early")));
    }

    #[test]
    fn one_of_six_days_is_not_called_late_on_its_first() {
        let (from, day) = (UNIX_EPOCH, Duration::from_secs(DAY));
        let of = |passed: u32| judge(&Validity { from, until: from + 6 * day }, from + passed * day / 2, "");
        assert_eq!((of(1), of(9)), (None, None));
        assert_eq!(of(11).unwrap().check, "certificate-expires");
    }

    #[test]
    fn the_key_of_another_certificate_is_found() {
        let patient = patient(1);
        patient.write("k.pem", &KeyPair::generate().unwrap().serialize_pem());
        let findings = check(&patient.case());
        assert_eq!((findings[0].level, findings[0].check), (Level::Error, "certificate-unusable"));
        assert!(findings[0].mend.contains("k.pem -pubout"), "{findings:?}");
    }

    #[test]
    fn without_https_only_who_serves_others_is_told() {
        let mut patient = Patient::sound();
        assert_eq!(found(&patient), Some((Level::Notice, "no-https")));
        patient.set("VOLLEY_SECURITY__TRUSTED_PROXIES", "10.0.0.1");
        assert_eq!(found(&patient), None);
    }
}
