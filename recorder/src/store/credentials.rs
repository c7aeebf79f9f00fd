//! What opens the store: from the environment, from a file, or from the role of the machine or container,
//! in the names that Amazon's tools know. Never from the configuration.

use super::http::{Http, bytes};
use hyper::{Method, Request};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Looked for again so often: files are replaced, and those of a role are renewed long before they end.
const GOOD_FOR: Duration = Duration::from_secs(300);

/// Where a machine of Amazon's, and of those who do as they do, asks for its role.
const MACHINE: &str = "http://169.254.169.254";

/// Where a container of theirs does.
const CONTAINER: &str = "http://169.254.170.2";

/// A machine's answer is there at once or never.
const ROLE_WITHIN: Duration = Duration::from_secs(3);

/// Looks up one variable.
pub(crate) type Environment = fn(&str) -> Option<String>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Credentials {
    environment: Environment,
    known: Option<(rusty_s3::Credentials, Instant)>,
}

/// A role's answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfRole {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
}

impl Credentials {
    /// Of this process.
    pub(crate) fn of_process() -> Credentials {
        Credentials::of(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// Of these variables.
    pub(crate) fn of(environment: Environment) -> Credentials {
        Credentials { environment, known: None }
    }

    /// The ones that are good now, or where they were looked for in vain.
    pub(crate) async fn get(&mut self, http: &Http) -> Result<rusty_s3::Credentials, String> {
        if let Some((known, since)) = &self.known
            && since.elapsed() < GOOD_FOR
        {
            return Ok(known.clone());
        }
        let found = match self.of_environment().or_else(|| self.of_file()) {
            Some(found) => found,
            None => self.of_role(http).await?,
        };
        self.known = Some((found.clone(), Instant::now()));
        Ok(found)
    }

    /// The store does not take them: they are looked for again.
    pub(crate) fn forget(&mut self) {
        self.known = None;
    }

    fn of_environment(&self) -> Option<rusty_s3::Credentials> {
        let get = self.environment;
        Some(made(get("AWS_ACCESS_KEY_ID")?, get("AWS_SECRET_ACCESS_KEY")?, get("AWS_SESSION_TOKEN")))
    }

    fn of_file(&self) -> Option<rusty_s3::Credentials> {
        let get = self.environment;
        let usual = || Some(PathBuf::from(get("HOME")?).join(".aws/credentials"));
        let path = get("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from).or_else(usual)?;
        let profile = get("AWS_PROFILE").unwrap_or_else(|| String::from("default"));
        parse(&std::fs::read_to_string(path).ok()?, &profile)
    }

    async fn of_role(&self, http: &Http) -> Result<rusty_s3::Credentials, String> {
        let get = self.environment;
        let of_container = get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
            .or_else(|| Some(format!("{CONTAINER}{}", get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")?)));
        let found = if let Some(url) = of_container {
            ask(http, Method::GET, &url, self.container_token()).await
        } else if get("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            Err(String::from("AWS_EC2_METADATA_DISABLED is set"))
        } else {
            self.of_machine(http).await
        };
        let parsed = found.and_then(|text| {
            serde_json::from_str(&text).map_err(|error| format!("a role's answer makes no sense: {error}"))
        });
        let OfRole { access_key_id, secret_access_key, token } = parsed.map_err(|error| {
            format!(
                "there are no credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor a file of \
                 credentials (AWS_SHARED_CREDENTIALS_FILE), nor a role of this machine ({error})"
            )
        })?;
        Ok(made(access_key_id, secret_access_key, token))
    }

    fn container_token(&self) -> Option<(&'static str, String)> {
        let get = self.environment;
        let of_file = || std::fs::read_to_string(get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")?).ok();
        let token = get("AWS_CONTAINER_AUTHORIZATION_TOKEN").or_else(of_file)?;
        Some(("authorization", token.trim().to_owned()))
    }

    /// The second version of the machine's own service, which asks for a token first.
    async fn of_machine(&self, http: &Http) -> Result<String, String> {
        let get = self.environment;
        let base = get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| MACHINE.to_owned());
        let base = base.trim_end_matches('/');
        let lasting = Some(("x-aws-ec2-metadata-token-ttl-seconds", String::from("300")));
        let token = ask(http, Method::PUT, &format!("{base}/latest/api/token"), lasting).await?;
        let roles = format!("{base}/latest/meta-data/iam/security-credentials/");
        let shown = || Some(("x-aws-ec2-metadata-token", token.clone()));
        let role = ask(http, Method::GET, &roles, shown()).await?;
        let role = role.lines().next().unwrap_or_default().trim();
        ask(http, Method::GET, &format!("{roles}{role}"), shown()).await
    }
}

fn made(key: String, secret: String, token: Option<String>) -> rusty_s3::Credentials {
    match token {
        Some(token) => rusty_s3::Credentials::new_with_token(key, secret, token),
        None => rusty_s3::Credentials::new(key, secret),
    }
}

async fn ask(
    http: &Http,
    method: Method,
    url: &str,
    header: Option<(&'static str, String)>,
) -> Result<String, String> {
    let mut request = Request::builder().method(method).uri(url);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let request = request.body(bytes("")).map_err(|error| error.to_string())?;
    let answer = tokio::time::timeout(ROLE_WITHIN, http.send(request)).await;
    let answer = answer.map_err(|_| format!("{url} does not answer"))??;
    if answer.status.is_success() { Ok(answer.text) } else { Err(format!("{url} says {}", answer.status)) }
}

/// The section of a file that is named `profile`.
fn parse(file: &str, profile: &str) -> Option<rusty_s3::Credentials> {
    let (mut is_ours, mut key, mut secret, mut token) = (false, None, None, None);
    for line in file.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            is_ours = section.trim_end_matches(']').trim() == profile;
        } else if let Some((name, value)) = line.split_once('=').filter(|_| is_ours) {
            let value = || Some(value.trim().to_owned());
            match name.trim() {
                "aws_access_key_id" => key = value(),
                "aws_secret_access_key" => secret = value(),
                "aws_session_token" => token = value(),
                _ => {}
            }
        }
    }
    Some(made(key?, secret?, token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::OnceLock;

    const ROLE: &str = r#"{"Code":"Success","AccessKeyId":"key","SecretAccessKey":"secret","Token":"token","Expiration":"2100-01-01T00:00:00Z"}"#;

    /// Answers as the service of a machine, and that of a container, does; where it is.
    fn service() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(&stream)));
        format!("http://{address}")
    }

    fn serve(mut stream: &TcpStream) {
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let has = |header: &str| head.iter().any(|line| line.eq_ignore_ascii_case(header));
        let knows_token = has("x-aws-ec2-metadata-token: shown");
        let body = match head.first().map_or("", |line| line.trim_end_matches(" HTTP/1.1")) {
            "PUT /latest/api/token" if has("x-aws-ec2-metadata-token-ttl-seconds: 300") => Some("shown"),
            "GET /latest/meta-data/iam/security-credentials/" if knows_token => Some("recorder\n"),
            "GET /latest/meta-data/iam/security-credentials/recorder" if knows_token => Some(ROLE),
            "GET /container" if has("authorization: pass") => Some(ROLE),
            _ => None,
        };
        let status = if body.is_some() { "200 OK" } else { "401 Unauthorized" };
        let body = body.unwrap_or_default();
        let length = body.len();
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
    }

    fn found(environment: Environment) -> Result<rusty_s3::Credentials, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { Credentials::of(environment).get(&Http::new().unwrap()).await })
    }

    #[test]
    fn a_machine_tells_the_keys_of_its_role_to_who_has_asked_for_a_token_before() {
        static PLACE: OnceLock<String> = OnceLock::new();
        PLACE.get_or_init(service);
        let found = found(|name| match name {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT" => PLACE.get().cloned(),
            _ => None,
        });
        let found = found.unwrap();
        assert_eq!((found.key(), found.secret(), found.token()), ("key", "secret", Some("token")));
    }

    #[test]
    fn a_container_tells_the_keys_of_its_role_to_who_shows_its_token() {
        static PLACE: OnceLock<String> = OnceLock::new();
        PLACE.get_or_init(|| format!("{}/container", service()));
        let with_token: Environment = |name| match name {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI" => PLACE.get().cloned(),
            "AWS_CONTAINER_AUTHORIZATION_TOKEN" => Some(String::from("pass\n")),
            _ => None,
        };
        assert_eq!(found(with_token).unwrap().token(), Some("token"));
        let refused = found(|name| PLACE.get().cloned().filter(|_| name.ends_with("_FULL_URI")));
        assert!(refused.unwrap_err().contains("401"));
    }

    #[test]
    fn who_has_no_credentials_is_told_where_they_were_looked_for() {
        let nowhere = found(|name| (name == "AWS_EC2_METADATA_DISABLED").then(|| String::from("true")));
        assert!(nowhere.unwrap_err().contains("AWS_SHARED_CREDENTIALS_FILE"));
    }

    #[test]
    fn a_file_holds_several_profiles() {
        let file = "# mine\n[default]\naws_access_key_id = one\naws_secret_access_key=two=\n\n[ other ]\n\
                    aws_access_key_id=three\naws_secret_access_key = four\naws_session_token = five\n[half]\n\
                    aws_access_key_id = six\n";
        let of = |profile| parse(file, profile);
        let default = of("default").unwrap();
        assert_eq!((default.key(), default.secret(), default.token()), ("one", "two=", None));
        assert_eq!(of("other").unwrap().token(), Some("five"));
        assert!(of("half").is_none() && of("nobody").is_none());
    }

    #[test]
    fn the_environment_goes_before_a_file() {
        let environment: Environment = |name| match name {
            "AWS_ACCESS_KEY_ID" => Some(String::from("key")),
            "AWS_SECRET_ACCESS_KEY" => Some(String::from("secret")),
            _ => None,
        };
        let found = Credentials { environment, known: None }.of_environment().unwrap();
        assert_eq!((found.key(), found.token()), ("key", None));
        assert!(Credentials { environment: |_| None, known: None }.of_environment().is_none());
    }
}
