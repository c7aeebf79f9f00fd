//! The certificate of HTTPS: read from files, again when they have changed, whether they are named or where
//! ACME keeps what it fetched; or made, for trying things out and until one is fetched.

use crate::config::Config;
use anyhow::{Context as _, ensure};
use std::fs::{self, Metadata};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use volley_signaling::acme::certificate_path;
use volley_signaling::tls::TlsIdentity;

/// Where the certificate comes from, and as it was last read.
pub(crate) enum Certificate {
    /// There is no HTTPS.
    None,
    /// Made at the start, and kept until files are named.
    Made(TlsIdentity),
    /// Read.
    Files { identity: TlsIdentity, stamp: Stamp },
}

/// What tells that files are others than before: of each its inode, its time and its length.
type Stamp = [Option<(u64, i64, i64, u64)>; 2];

/// Both files travel to signaling with all other settings, and as JSON, in one message of 256 KiB.
const MAX_PEM_BYTES: usize = 100 << 10;

const CERTIFICATE: &str = "tls.certificate";
const KEY: &str = "tls.key";
const FOLDER: &str = "tls.acme.folder";

/// A file, and the key that says where it is.
struct Place {
    key: &'static str,
    path: String,
}

/// Where certificate and key are, if they are anywhere: what ACME fetched is one file.
fn places(config: &Config) -> Option<[Place; 2]> {
    let named = |key| Place { key, path: config.get(key) };
    match config.acme() {
        Some(acme) => {
            let path = certificate_path(&acme.folder).display().to_string();
            Some([Place { key: FOLDER, path: path.clone() }, Place { key: FOLDER, path }])
        }
        None => Some([named(CERTIFICATE), named(KEY)]).filter(|[first, _]| !first.path.is_empty()),
    }
}

/// The files of certificate and key.
pub(crate) fn names_of_files(config: &Config) -> [String; 2] {
    places(config).map_or_else(Default::default, |places| places.map(|place| place.path))
}

impl Certificate {
    /// As configured; one that is made is for these addresses.
    pub(crate) fn load(config: &Config, addresses: &[IpAddr]) -> anyhow::Result<Certificate> {
        if let Some(acme) = config.acme() {
            return Ok(fetched(config).unwrap_or(Certificate::Made(make(addresses, &acme.domains)?)));
        }
        if let Some(places) = places(config) {
            let stamp = stamp(&places);
            return Ok(Certificate::Files { identity: read(&places)?, stamp });
        }
        if config.get("tls.dev") {
            Ok(Certificate::Made(make(addresses, &[])?))
        } else {
            Ok(Certificate::None)
        }
    }

    pub(crate) fn identity(&self) -> Option<&TlsIdentity> {
        match self {
            Certificate::None => None,
            Certificate::Made(identity) | Certificate::Files { identity, .. } => Some(identity),
        }
    }

    /// Reads the files again, if they have changed or `anyway`. True: there is another certificate. One
    /// that cannot be shown is an error, and the one before stays.
    pub(crate) fn renew(&mut self, config: &Config, anyway: bool) -> anyhow::Result<bool> {
        let Some(places) = places(config) else { return Ok(false) };
        let now = stamp(&places);
        match self {
            // Without HTTPS from the start there is no port for it.
            Certificate::None => return Ok(false),
            // The first that is fetched; not before it is there.
            Certificate::Made(_) if config.acme().is_some() && now[0].is_none() => return Ok(false),
            Certificate::Made(_) if config.acme().is_some() => {}
            // Not every few seconds: whoever has named them says so by SIGHUP.
            Certificate::Made(_) if !anyway => return Ok(false),
            Certificate::Made(_) => {}
            Certificate::Files { stamp: before, .. } if now == *before && !anyway => return Ok(false),
            // Whatever comes of it: the same mistake is told once, not every few seconds.
            Certificate::Files { stamp: before, .. } => *before = now,
        }
        let read = read(&places)?;
        let is_news = self.identity() != Some(&read);
        *self = Certificate::Files { identity: read, stamp: now };
        Ok(is_news)
    }
}

/// What ACME fetched at another time, so far as it can be shown: it stands in nobody's way, since another
/// one is fetched then.
fn fetched(config: &Config) -> Option<Certificate> {
    let places = places(config)?;
    let stamp = stamp(&places);
    stamp[0]?;
    match read(&places) {
        Ok(identity) => Some(Certificate::Files { identity, stamp }),
        Err(error) => {
            tracing::warn!("the certificate that was fetched cannot be used, and another one is: {error:#}");
            None
        }
    }
}

fn read([certificate, key]: &[Place; 2]) -> anyhow::Result<TlsIdentity> {
    let text = |Place { key, path }: &Place| {
        let read = fs::read_to_string(path).with_context(|| format!("{key}: {path} cannot be read"))?;
        ensure!(
            read.len() <= MAX_PEM_BYTES,
            "{key}: {path} has {} bytes; at most {MAX_PEM_BYTES} are taken. A certificate and those that signed \
             it have some ten thousand; leave out what else is in it",
            read.len()
        );
        Ok(read)
    };
    let identity = TlsIdentity { certificate: text(certificate)?, key: text(key)? };
    identity
        .check()
        .with_context(|| format!("{} {} and {} {}", certificate.key, certificate.path, key.key, key.path))?;
    Ok(identity)
}

fn stamp(places: &[Place; 2]) -> Stamp {
    let of = |file: Metadata| (file.ino(), file.mtime(), file.mtime_nsec(), file.len());
    places.each_ref().map(|place| fs::metadata(&place.path).ok().map(of))
}

/// Nobody but who made it trusts it: browsers ask before they go on.
fn make(addresses: &[IpAddr], domains: &[String]) -> anyhow::Result<TlsIdentity> {
    let mut names = vec![String::from("localhost"), String::from("127.0.0.1"), String::from("::1")];
    names.extend(addresses.iter().map(IpAddr::to_string));
    names.extend_from_slice(domains);
    names.sort();
    names.dedup();
    let made = rcgen::generate_simple_self_signed(names).context("no certificate can be made")?;
    Ok(TlsIdentity { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn configured(certificate: &str, key: &str) -> Config {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let variables =
            vec![variable("VOLLEY_TLS__CERTIFICATE", certificate), variable("VOLLEY_TLS__KEY", key)];
        Config::build(&Sources { variables, ..Sources::default() }).unwrap()
    }

    #[test]
    fn a_renewed_certificate_is_taken_and_a_broken_one_is_told_once() {
        let folder = std::env::temp_dir().join(format!("volley-tls-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [certificate, key] = ["c.pem", "k.pem"].map(|name| folder.join(name).display().to_string());
        let write = |identity: &TlsIdentity| {
            fs::write(&certificate, &identity.certificate).unwrap();
            fs::write(&key, &identity.key).unwrap();
        };
        write(&make(&[], &[]).unwrap());
        let config = configured(&certificate, &key);
        let mut loaded = Certificate::load(&config, &[]).unwrap();
        assert!(!loaded.renew(&config, false).unwrap(), "nothing has changed");
        let other = make(&[], &[]).unwrap();
        write(&other);
        assert!(loaded.renew(&config, true).unwrap());
        fs::write(&key, "nothing of use").unwrap();
        assert!(loaded.renew(&config, false).is_err());
        assert!(!loaded.renew(&config, false).unwrap(), "told already");
        assert_eq!(loaded.identity(), Some(&other));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn one_that_was_made_gives_way_to_one_that_is_given() {
        let folder = std::env::temp_dir().join(format!("volley-tls-given-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [certificate, key] = ["c.pem", "k.pem"].map(|name| folder.join(name).display().to_string());
        let given = make(&[], &[]).unwrap();
        fs::write(&certificate, &given.certificate).unwrap();
        fs::write(&key, &given.key).unwrap();
        let mut shown = Certificate::Made(make(&[], &[]).unwrap());
        assert!(!shown.renew(&Config::build(&Sources::default()).unwrap(), true).unwrap(), "none is given");
        assert!(shown.renew(&configured(&certificate, &key), true).unwrap());
        assert_eq!(shown.identity(), Some(&given));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_fetched_takes_the_place_of_what_was_made_and_is_found_at_the_next_start() {
        let folder = std::env::temp_dir().join(format!("volley-tls-acme-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let variables = [("VOLLEY_TLS__ACME__DOMAINS", "sfu.example.org"), ("VOLLEY_TLS__ACME__FOLDER", "")];
        let mut variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        variables[1].1 = folder.display().to_string();
        let config = Config::build(&Sources { variables: variables.to_vec(), ..Sources::default() }).unwrap();
        let mut shown = Certificate::load(&config, &[]).unwrap();
        assert!(matches!(shown, Certificate::Made(_)) && !shown.renew(&config, true).unwrap());
        let TlsIdentity { certificate, key } = make(&[], &[]).unwrap();
        let kept = format!("{key}{certificate}");
        fs::write(certificate_path(&folder.display().to_string()), &kept).unwrap();
        assert!(shown.renew(&config, false).unwrap());
        assert!(!shown.renew(&config, false).unwrap(), "it is the same");
        let found = Certificate::load(&config, &[]).unwrap();
        assert_eq!(found.identity(), shown.identity());
        fs::write(certificate_path(&folder.display().to_string()), "nothing of use").unwrap();
        assert!(
            matches!(Certificate::load(&config, &[]).unwrap(), Certificate::Made(_)),
            "it starts all the same"
        );
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_chain_without_end_is_told_with_its_length() {
        let path = std::env::temp_dir().join(format!("volley-chain-{}.pem", std::process::id()));
        fs::write(&path, "x".repeat(MAX_PEM_BYTES + 1)).unwrap();
        let path = path.display().to_string();
        let error = Certificate::load(&configured(&path, &path), &[]).err().unwrap().to_string();
        assert!(error.contains(&format!("{path} has {} bytes; at most", MAX_PEM_BYTES + 1)), "{error}");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn files_that_are_not_there_are_named() {
        let error = Certificate::load(&configured("/nowhere/c.pem", "/nowhere/k.pem"), &[]).err().unwrap();
        assert!(
            format!("{error:#}").starts_with("tls.certificate: /nowhere/c.pem cannot be read"),
            "{error:#}"
        );
    }

    #[test]
    fn one_is_made_only_when_asked_for() {
        let flags = |value: &str| Sources { flags: vec![("dev", value.to_owned())], ..Sources::default() };
        let load = |value| Certificate::load(&Config::build(&flags(value)).unwrap(), &[]).unwrap();
        assert!(load("false").identity().is_none());
        load("true").identity().unwrap().check().unwrap();
    }
}
