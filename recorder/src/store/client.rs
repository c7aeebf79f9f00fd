//! The words of S3 that are needed: what is asked, and what answers mean. Signs with what it is given.

use super::http::{Answer, Http, Payload, bytes, slice};
use crate::settings::StoreSettings;
use hyper::{Method, Request, StatusCode};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A request is good for so long: a slow link takes its time, and clocks differ.
const SIGNED_FOR: Duration = Duration::from_secs(3_600);

/// Why something was not done.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub(crate) enum StoreError {
    /// The store cannot be reached, or breaks off.
    #[error("the store cannot be reached: {0}")]
    Away(String),
    /// It does not want to.
    #[error("the store refuses: {0}")]
    Refused(String),
    /// It does not take our credentials.
    #[error("the store does not let us in: {0}")]
    Locked(String),
    /// It knows nothing of an upload that had begun.
    #[error("the store knows nothing of the upload")]
    NoUpload,
    /// A file cannot be read here.
    #[error("the file cannot be read: {0}")]
    Here(String),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Client {
    http: Http,
    bucket: Bucket,
    prefix: String,
    cache_control: String,
}

impl Client {
    pub(crate) fn new(http: Http, settings: &StoreSettings) -> Result<Client, String> {
        let amazon = || format!("https://s3.{}.amazonaws.com", settings.region);
        let endpoint = settings.endpoint.clone().unwrap_or_else(amazon);
        let url = endpoint.parse().map_err(|error| format!("recording.s3_endpoint {endpoint}: {error}"))?;
        let style = if settings.is_path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = Bucket::new(url, style, settings.bucket.clone(), settings.region.clone());
        let bucket = bucket.map_err(|error| format!("recording.s3_bucket {}: {error}", settings.bucket))?;
        let (prefix, cache_control) = (settings.prefix.clone(), settings.cache_control.clone());
        Ok(Client { http, bucket, prefix, cache_control })
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// The name of an object, of which `file` is empty stands for all of a recording.
    pub(crate) fn key(&self, recording: &str, file: &str) -> String {
        format!("{}{recording}/{file}", self.prefix)
    }

    /// Puts a file there as a whole.
    pub(crate) async fn put(
        &self,
        keys: &Credentials,
        key: &str,
        file: &Arc<File>,
        length: u64,
    ) -> Result<(), StoreError> {
        let action = self.described(self.bucket.put_object(Some(keys), key), key);
        self.send(Method::PUT, action, slice(file, 0..length)).await.map(drop)
    }

    /// Puts a few bytes there, which may be others tomorrow.
    pub(crate) async fn put_bytes(
        &self,
        keys: &Credentials,
        key: &str,
        content: Vec<u8>,
    ) -> Result<(), StoreError> {
        let mut action = self.bucket.put_object(Some(keys), key);
        action.headers_mut().insert("cache-control", "no-cache");
        action.headers_mut().insert("content-type", "application/json");
        self.send(Method::PUT, action, bytes(content)).await.map(drop)
    }

    /// Begins an upload in parts; its id.
    pub(crate) async fn begin(&self, keys: &Credentials, key: &str) -> Result<String, StoreError> {
        let action = self.described(self.bucket.create_multipart_upload(Some(keys), key), key);
        let answer = self.send(Method::POST, action, bytes("")).await?;
        let id = texts(&answer.text, "UploadId").next();
        id.ok_or_else(|| StoreError::Refused(String::from("it began an upload without an id")))
    }

    /// Puts a part there; what the store calls it.
    pub(crate) async fn part(
        &self,
        keys: &Credentials,
        (key, upload_id, number): (&str, &str, u16),
        (file, range): (&Arc<File>, Range<u64>),
    ) -> Result<String, StoreError> {
        let action = self.bucket.upload_part(Some(keys), key, number, upload_id);
        let answer = self.send(Method::PUT, action, slice(file, range)).await?;
        answer.etag.ok_or_else(|| StoreError::Refused(String::from("it took a part without naming it")))
    }

    /// Makes one object of all parts, given in their order.
    pub(crate) async fn finish(
        &self,
        keys: &Credentials,
        (key, upload_id): (&str, &str),
        etags: &[String],
    ) -> Result<(), StoreError> {
        let etags = || etags.iter().map(String::as_str);
        let action = self.bucket.complete_multipart_upload(Some(keys), key, upload_id, etags());
        let body = self.bucket.complete_multipart_upload(Some(keys), key, upload_id, etags()).body();
        let answer = self.send(Method::POST, action, bytes(body)).await?;
        // It may say 200 before it knows.
        match answer.text.contains("<Error>") {
            true => Err(refusal(&answer)),
            false => Ok(()),
        }
    }

    /// Gives an upload up, with all its parts.
    pub(crate) async fn abort(
        &self,
        keys: &Credentials,
        key: &str,
        upload_id: &str,
    ) -> Result<(), StoreError> {
        let action = self.bucket.abort_multipart_upload(Some(keys), key, upload_id);
        match self.send(Method::DELETE, action, bytes("")).await {
            Err(StoreError::NoUpload) => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Removes an object.
    pub(crate) async fn delete(&self, keys: &Credentials, key: &str) -> Result<(), StoreError> {
        let action = self.bucket.delete_object(Some(keys), key);
        self.send(Method::DELETE, action, bytes("")).await.map(drop)
    }

    /// How long an object is; `None` when there is none.
    pub(crate) async fn length(&self, keys: &Credentials, key: &str) -> Result<Option<u64>, StoreError> {
        let action = self.bucket.head_object(Some(keys), key);
        match self.request(Method::HEAD, action, bytes("")).await? {
            Answer { status: StatusCode::NOT_FOUND, .. } => Ok(None),
            answer if answer.status.is_success() => Ok(answer.length),
            answer => Err(refusal(&answer)),
        }
    }

    /// The uploads that have begun and not ended under names that begin so: name and id.
    pub(crate) async fn uploads(
        &self,
        keys: &Credentials,
        prefix: &str,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let answer = accepted(self.ask_for_uploads(keys, prefix).await?)?;
        let each = answer.text.split("<Upload>").skip(1);
        let named = each.filter_map(|one| Some((texts(one, "Key").next()?, texts(one, "UploadId").next()?)));
        Ok(named.collect())
    }

    /// The same, and whatever the store answers.
    pub(super) async fn ask_for_uploads(
        &self,
        keys: &Credentials,
        prefix: &str,
    ) -> Result<Answer, StoreError> {
        // The same request as for a list of objects, but for its words.
        let mut action = self.bucket.list_objects_v2(Some(keys));
        for word in ["list-type", "encoding-type"] {
            action.query_mut().remove(word);
        }
        action.query_mut().insert("uploads", "");
        action.query_mut().insert("prefix", prefix.to_owned());
        self.request(Method::GET, action, bytes("")).await
    }

    fn described<'a, A: S3Action<'a>>(&'a self, mut action: A, key: &str) -> A {
        action.headers_mut().insert("cache-control", self.cache_control.as_str());
        action.headers_mut().insert("content-type", content_type(key));
        action
    }

    async fn send<'a>(
        &self,
        method: Method,
        action: impl S3Action<'a>,
        body: Payload,
    ) -> Result<Answer, StoreError> {
        accepted(self.request(method, action, body).await?)
    }

    async fn request<'a>(
        &self,
        method: Method,
        mut action: impl S3Action<'a>,
        body: Payload,
    ) -> Result<Answer, StoreError> {
        let url = action.sign(SIGNED_FOR);
        let mut request = Request::builder().method(method).uri(url.as_str());
        for (name, value) in action.headers_mut().iter() {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| StoreError::Refused(error.to_string()))?;
        self.http.send(request).await.map_err(StoreError::Away)
    }
}

fn content_type(key: &str) -> &'static str {
    if key.ends_with(".mkv") { "video/x-matroska" } else { "video/webm" }
}

/// The answer, if it says yes.
fn accepted(answer: Answer) -> Result<Answer, StoreError> {
    if answer.status.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
}

/// The name of an error, and its status, name and message for a person.
pub(super) fn told(answer: &Answer) -> (String, String) {
    let code = texts(&answer.text, "Code").next().unwrap_or_default();
    let message = texts(&answer.text, "Message").next().unwrap_or_default();
    let text = format!("{} {code} {message}", answer.status.as_u16());
    (code, text.trim_end().to_owned())
}

/// What an answer says that does not say yes.
fn refusal(answer: &Answer) -> StoreError {
    let (code, text) = told(answer);
    match (answer.status, code.as_str()) {
        (_, "NoSuchUpload") => StoreError::NoUpload,
        (_, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => StoreError::Locked(text),
        (StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED, _) => StoreError::Locked(text),
        (StatusCode::NOT_IMPLEMENTED, _) => StoreError::Refused(text),
        (status, _) if status.is_server_error() => StoreError::Away(text),
        _ => StoreError::Refused(text),
    }
}

/// What stands in the elements of this name. Stores differ in name spaces and order, not in names.
fn texts<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = String> + use<'a> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, behind) = rest.split_once(open.as_str())?;
        let (text, behind) = behind.split_once(close.as_str())?;
        rest = behind;
        Some(plain(text))
    })
}

fn plain(text: &str) -> String {
    let entities =
        [("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    entities.iter().fold(text.trim().to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, text: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            etag: None,
            length: None,
            date: None,
            text: text.to_owned(),
        }
    }

    #[test]
    fn what_a_store_says_is_told_apart() {
        let error = |code| {
            format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>a &amp; b</Message></Error>")
        };
        let of = |status, code| refusal(&answer(status, &error(code)));
        assert_eq!(of(404, "NoSuchUpload"), StoreError::NoUpload);
        assert_eq!(of(503, "SlowDown"), StoreError::Away("503 SlowDown a & b".to_owned()));
        assert_eq!(of(200, "InternalError"), StoreError::Refused("200 InternalError a & b".to_owned()));
        assert!(matches!(of(403, "AccessDenied"), StoreError::Locked(_)));
        assert!(matches!(of(400, "ExpiredToken"), StoreError::Locked(_)));
        assert!(matches!(of(404, "NoSuchBucket"), StoreError::Refused(_)));
        assert_eq!(refusal(&answer(500, "")), StoreError::Away("500".to_owned()));
    }

    #[test]
    fn elements_are_found_wherever_they_stand() {
        let xml = "<R xmlns=\"x\"><Upload><Key>a/1</Key><UploadId>1&amp;2</UploadId></Upload><Upload>\
                   <UploadId>3</UploadId><Key>b</Key></Upload></R>";
        assert_eq!(texts(xml, "Key").collect::<Vec<_>>(), ["a/1", "b"]);
        assert_eq!(texts(xml, "UploadId").collect::<Vec<_>>(), ["1&2", "3"]);
        assert_eq!(texts("<Key>cut off", "Key").next(), None);
    }

    #[test]
    fn the_bucket_stands_in_the_path_or_in_the_host() {
        let settings = |is_path_style, endpoint: Option<&str>| StoreSettings {
            endpoint: endpoint.map(str::to_owned),
            region: "eu-central-1".to_owned(),
            bucket: "calls".to_owned(),
            is_path_style,
            prefix: "a/".to_owned(),
            cache_control: String::new(),
            keeps_local: true,
            spool_bytes: 0,
        };
        let url = |settings: &StoreSettings| {
            let client = Client::new(Http::new().unwrap(), settings).unwrap();
            client.bucket.object_url(&client.key("1-2", "f.webm")).to_string()
        };
        assert_eq!(url(&settings(false, None)), "https://calls.s3.eu-central-1.amazonaws.com/a/1-2/f.webm");
        assert_eq!(url(&settings(true, Some("http://minio:9000"))), "http://minio:9000/calls/a/1-2/f.webm");
        assert!(Client::new(Http::new().unwrap(), &settings(true, Some("nonsense"))).is_err());
    }
}
