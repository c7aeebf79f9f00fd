//! Questions about a service, asked with the file of variables that systemd gives it.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Settings that only hold with the secret of the other file.
struct Service(PathBuf);

impl Service {
    fn new(name: &str) -> Service {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("service-{name}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("webrtc.yaml"), "security:\n  require_auth: true\n").unwrap();
        let secret = "0123456789abcdef0123456789abcdef";
        let variables = format!("# a secret\nVOLLEY_SECURITY__TOKEN_SECRETS=\"{secret}\"\nVOLLEY_PORT=0\n");
        std::fs::write(folder.join("volley.env"), variables).unwrap();
        Service(folder)
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_volley"));
        command.args(arguments).arg("--config").arg(&self.0);
        command.output().unwrap()
    }

    fn ask_with_file(&self, arguments: &[&str]) -> (bool, String) {
        let file = self.0.join("volley.env").display().to_string();
        let output = self.ask(&[arguments, &["--env-file", &file]].concat());
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }
}

#[test]
fn the_doctor_looks_at_the_host_when_it_is_given_the_services_secrets() {
    let service = Service::new("doctor");
    let without = String::from_utf8(service.ask(&["doctor"]).stdout).unwrap();
    assert!(without.contains("Volley does not start") && without.contains("--env-file"), "{without}");
    let (_, with) = service.ask_with_file(&["doctor", "--json"]);
    assert!(!with.contains("does not start") && with.contains("\"check\""), "{with}");
}

#[test]
fn a_configuration_is_checked_and_a_token_made_with_the_services_secrets() {
    let service = Service::new("token");
    assert!(!service.ask(&["config", "check"]).status.success());
    let (is_well, text) = service.ask_with_file(&["config", "check"]);
    assert!(is_well, "{text}");
    let secrets = text.lines().find(|line| line.starts_with("security.token_secrets")).unwrap();
    assert!(
        secrets.contains("(1 hidden)") && secrets.ends_with("VOLLEY_SECURITY__TOKEN_SECRETS"),
        "{secrets}"
    );
    let (is_well, token) = service.ask_with_file(&["token", "create", "--room", "r", "--identity", "ada"]);
    assert!(is_well && token.matches('.').count() == 2, "{token}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let service = Service::new("absent");
    let output = service.ask(&["config", "check", "--env-file", "/nowhere/volley.env"]);
    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("/nowhere/volley.env cannot be read"), "{told}");
}
