//! HTTP to others: webhooks, certificates, traces. One way to trust, and one way to tell what went wrong.

use axum::body::{Bytes, HttpBody};
use axum::http::Response;
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::error::Error;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Speaks HTTP/1.1 with whoever a URL names, over TLS where it says so.
pub(crate) type Client<B> = legacy::Client<HttpsConnector<HttpConnector>, B>;

/// What is read of an answer: whoever sends more has nothing that concerns us.
const MOST_READ: usize = 1 << 20;

/// TLS trusts what the machine trusts. Reading its certificates takes a while: once for each use.
pub(crate) fn client<B>() -> Client<B>
where
    B: HttpBody + Send,
    B::Data: Send,
{
    let provider = aws_lc_rs::default_provider();
    let builder = match HttpsConnectorBuilder::new().with_provider_and_native_roots(provider.clone()) {
        Ok(builder) => builder,
        Err(error) => {
            tracing::error!(%error, "this machine has no certificates to trust: requests over https will fail");
            let config = ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()
                .expect("the provider knows TLS 1.2 and 1.3")
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
            HttpsConnectorBuilder::new().with_tls_config(config)
        }
    };
    legacy::Client::builder(TokioExecutor::new()).build(builder.https_or_http().enable_http1().build())
}

/// The whole of an answer.
pub(crate) async fn whole<B>(answer: Response<B>) -> Result<Response<Bytes>, String>
where
    B: HttpBody,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MOST_READ).collect().await.map_err(|error| chain(&*error))?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// A URL for people and logs: without a name and password, or a query, in which there may be more secrets.
pub fn shown_url(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (shown, rest) = url.split_at(end);
    let (scheme, after) = shown.split_once("://").unwrap_or(("", shown));
    let path = after.find('/').unwrap_or(after.len());
    let (authority, path) = after.split_at(path);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let hidden = if host.len() == authority.len() { "" } else { "…@" };
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    format!("{scheme}{hidden}{host}{path}{}", if rest.is_empty() { "" } else { "?…" })
}

/// The library's own words are "client error (Connect)"; the cause stands behind.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_a_collector_is_not_shown() {
        let shown = |url| shown_url(url);
        assert_eq!(shown("https://volley:s3cret@otel.example:4318/v1"), "https://…@otel.example:4318/v1");
        assert_eq!(shown("https://key@with@ats@otel.example"), "https://…@otel.example");
        assert_eq!(shown("https://otel.example/v1?key=s3cret#x"), "https://otel.example/v1?…");
        assert_eq!(shown("https://otel.example/a@b"), "https://otel.example/a@b");
        assert_eq!(shown("http://[2001:db8::1]:4318"), "http://[2001:db8::1]:4318");
        assert_eq!((shown(""), shown("volley:s3cret@host")), (String::new(), String::from("…@host")));
    }
}
