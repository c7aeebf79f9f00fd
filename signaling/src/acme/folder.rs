//! The folder that keeps what must outlive Volley: the account and the certificate with its key. What cannot
//! be written, because the disk is full, stays in memory and is as good until the end of the process.

use anyhow::{Context as _, ensure};
use instant_acme::AccountCredentials;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// Key, certificate and chain in one file: so nobody ever finds the one without the others.
const CERTIFICATE: &str = "certificate.pem";
const ACCOUNT: &str = "account.json";

/// Where the certificate is kept.
pub fn certificate_path(folder: &str) -> PathBuf {
    Path::new(folder).join(CERTIFICATE)
}

/// The folder; nobody but who runs Volley can look into it.
pub(super) struct Folder {
    path: PathBuf,
    /// What is newer than the file of this name.
    unwritten: Mutex<BTreeMap<&'static str, Vec<u8>>>,
}

impl Folder {
    pub(super) fn new(path: &str) -> Folder {
        Folder { path: PathBuf::from(path), unwritten: Mutex::default() }
    }

    /// Makes it where it is missing, and tries whether something can be kept in it. A full disk is no reason
    /// to do without: that passes.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        let probe = self.path.join("probe");
        let tried = made.and_then(|()| write_whole(&probe, b"")).and_then(|()| fs::remove_file(&probe));
        let tried = tried.or_else(|error| if is_full(&error) { Ok(()) } else { Err(error) });
        tried.with_context(|| {
            let path = self.path.display();
            format!("tls.acme.folder: nothing can be kept in {path}; name one that Volley may write")
        })
    }

    /// Tries once more what could not be written. False: there still is such.
    pub(super) fn write_again(&self) -> bool {
        let mut unwritten = self.unwritten();
        unwritten.retain(|name, content| match write_whole(&self.path.join(name), content) {
            Ok(()) => {
                tracing::info!("{} is written now", self.path.join(name).display());
                false
            }
            Err(_) => true,
        });
        unwritten.is_empty()
    }

    /// The account at this server, if there is one.
    pub(super) fn account(&self, directory: &str) -> anyhow::Result<Option<AccountCredentials>> {
        let path = self.path.join(ACCOUNT);
        let text = match self.read(ACCOUNT) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("{} cannot be read", path.display()))?,
        };
        let hint = || format!("{} is no account; remove it, and another one is made", path.display());
        let described: serde_json::Value = serde_json::from_slice(&text).with_context(hint)?;
        if described["directory"] != directory {
            return Ok(None);
        }
        serde_json::from_value(described).map(Some).with_context(hint)
    }

    pub(super) fn keep_account(&self, account: &AccountCredentials) -> anyhow::Result<()> {
        self.keep(ACCOUNT, serde_json::to_vec(account)?);
        Ok(())
    }

    /// The certificate, if there is one that can be read.
    pub(super) fn certificate(&self) -> Option<Kept> {
        let pem = String::from_utf8(self.read(CERTIFICATE).ok()?).ok()?;
        Kept::read(pem).map_err(|error| tracing::warn!("{CERTIFICATE} is not used: {error:#}")).ok()
    }

    pub(super) fn keep_certificate(&self, kept: &Kept) {
        self.keep(CERTIFICATE, kept.pem.clone().into_bytes());
    }

    fn read(&self, name: &'static str) -> io::Result<Vec<u8>> {
        match self.unwritten().get(name) {
            Some(content) => Ok(content.clone()),
            None => fs::read(self.path.join(name)),
        }
    }

    fn keep(&self, name: &'static str, content: Vec<u8>) {
        let path = self.path.join(name);
        let mut unwritten = self.unwritten();
        unwritten.remove(name);
        if let Err(error) = write_whole(&path, &content) {
            tracing::error!(
                "{} cannot be written: {error}; it is used from memory and tried again, but lost when Volley \
                 ends before: make room, or let Volley write there",
                path.display()
            );
            unwritten.insert(name, content);
        }
    }

    fn unwritten(&self) -> MutexGuard<'_, BTreeMap<&'static str, Vec<u8>>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A certificate with its key, and what it is good for.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) pem: String,
    names: BTreeSet<String>,
    from: SystemTime,
    until: SystemTime,
}

impl Kept {
    pub(super) fn read(pem: String) -> anyhow::Result<Kept> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).context("there is no certificate in it")?;
        let (_, certificate) =
            parse_x509_certificate(&der).context("its certificate cannot be understood")?;
        let names = certificate.subject_alternative_name()?.into_iter();
        let names =
            names.flat_map(|extension| &extension.value.general_names).filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                _ => None,
            });
        let names: BTreeSet<String> = names.collect();
        let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64);
        let validity = certificate.validity();
        let (from, until) = (at(validity.not_before.timestamp()), at(validity.not_after.timestamp()));
        ensure!(from < until, "its certificate ends before it begins");
        Ok(Kept { names, from, until, pem })
    }

    /// Whether it stands for all of these names.
    pub(super) fn covers(&self, names: &[String]) -> bool {
        names.iter().all(|name| self.names.contains(name))
    }

    /// When another one should be asked for: two thirds of its time are over, so that weeks are left, or
    /// with one of six days two, to mend what stands against it.
    pub(super) fn due(&self) -> SystemTime {
        let lifetime = self.until.duration_since(self.from).unwrap_or_default();
        self.from + lifetime * 2 / 3
    }

    pub(super) fn until(&self) -> SystemTime {
        self.until
    }
}

/// Whole or not at all, and readable by nobody else.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    // One that was left behind may have other rights.
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use std::os::unix::fs::PermissionsExt as _;

    fn made(names: &[&str]) -> String {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 4, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        format!("{}{}", key.serialize_pem(), certificate.pem())
    }

    #[test]
    fn a_certificate_tells_its_names_and_when_it_is_due() {
        let kept = Kept::read(made(&["sfu.example.org", "Other.example.org"])).unwrap();
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert!(kept.covers(&names(&["sfu.example.org", "other.example.org"])));
        assert!(!kept.covers(&names(&["sfu.example.org", "third.example.org"])));
        let day = Duration::from_secs(86_400);
        assert_eq!(kept.until().duration_since(kept.due()).unwrap(), 30 * day);
        assert!(Kept::read(String::from("nothing")).is_err());
    }

    #[test]
    fn what_is_kept_is_for_nobody_else_to_read() {
        let path = std::env::temp_dir().join(format!("volley-acme-{}", std::process::id()));
        let folder = Folder::new(&path.join("deep").display().to_string());
        folder.check().unwrap();
        assert!(
            folder.certificate().is_none()
                && folder.account("https://ca.example/directory").unwrap().is_none()
        );
        let kept = Kept::read(made(&["sfu.example.org"])).unwrap();
        folder.keep_certificate(&kept);
        assert!(folder.certificate() == Some(kept) && folder.write_again());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.path), mode(&folder.path.join(CERTIFICATE))), (0o700, 0o600));
        assert_eq!(certificate_path(&folder.path.display().to_string()), folder.path.join(CERTIFICATE));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_used_from_memory_and_written_when_it_can_be() {
        let path = std::env::temp_dir().join(format!("volley-acme-full-{}", std::process::id()));
        let folder = Folder::new(&path.display().to_string());
        folder.check().unwrap();
        let [old, new] = [&["sfu.example.org"][..], &["sfu.example.org", "other.example.org"]]
            .map(|names| Kept::read(made(names)).unwrap());
        folder.keep_certificate(&old);
        // In its way, as a full disk is; the tests may run as root, whom no rights keep from writing.
        let in_the_way = path.join(CERTIFICATE).with_extension("new");
        fs::create_dir(&in_the_way).unwrap();
        folder.keep_certificate(&new);
        assert!(folder.certificate() == Some(new.clone()), "the new one is there");
        assert!(!folder.write_again());
        let on_disk = || Folder::new(&path.display().to_string()).certificate();
        assert!(on_disk() == Some(old), "and the old one is whole");
        fs::remove_dir(in_the_way).unwrap();
        assert!(folder.write_again());
        assert!(on_disk() == Some(new));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn only_a_full_disk_passes_by_itself() {
        let full = |code| is_full(&io::Error::from_raw_os_error(code));
        // ENOSPC, EDQUOT; EACCES, EROFS.
        assert_eq!([28, 122, 13, 30].map(full), [true, true, false, false]);
        let error = Folder::new("/dev/null/acme").check().unwrap_err().to_string();
        assert!(error.contains("/dev/null/acme; name one that Volley may write"), "{error}");
    }

    #[test]
    fn an_account_is_its_own_servers_only_and_a_broken_one_says_what_to_do() {
        let path = std::env::temp_dir().join(format!("volley-acme-account-{}", std::process::id()));
        let folder = Folder::new(&path.display().to_string());
        folder.check().unwrap();
        let key = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJVWC_QzOTCS5vtsJp2IG-UDc8cdDfeoKtxSZxaznM-mhRANCAAQenCPoGgPFTdPJ7VLLKt56RxPlYT1wNXnHc54PEyBg3LxKaH0-sJkX0mL8LyPEdsfL_Oz4TxHkWLJGrXVtNhfH";
        let account = serde_json::json!({ "id": "1", "key_pkcs8": key, "directory": "https://ca.example" });
        fs::write(folder.path.join(ACCOUNT), account.to_string()).unwrap();
        assert!(folder.account("https://ca.example").unwrap().is_some());
        assert!(folder.account("https://other.example").unwrap().is_none());
        fs::write(folder.path.join(ACCOUNT), "{").unwrap();
        let error = folder.account("https://ca.example").err().unwrap().to_string();
        assert!(error.contains("account.json is no account; remove it"), "{error}");
        fs::remove_dir_all(path).unwrap();
    }
}
