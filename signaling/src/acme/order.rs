//! One order: from the account to the certificate, by one kind of proof.

use crate::acme::AcmeSettings;
use crate::acme::challenges::{Challenges, Proof};
use crate::acme::folder::{Folder, Kept};
use crate::outward::{self, Client};
use anyhow::Context as _;
use axum::body::Bytes;
use axum::http::Request;
use instant_acme::{
    Account, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, Error, HttpClient, Identifier,
    NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use std::pin::Pin;
use std::time::Duration;

/// For one request; servers under load take some seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// For a proof to be looked at from several places, and for a certificate to be signed.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).timeout(Duration::from_secs(90));

/// Why there is no certificate.
#[derive(thiserror::Error, Debug)]
pub(super) enum Failure {
    /// The server could not be asked, or would not hear of it.
    #[error("{0:#}")]
    Away(anyhow::Error),
    /// It did not find the proof where it looked for it.
    #[error("{0}")]
    NotProven(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Away(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Away(error)
    }
}

/// A new certificate for all names.
pub(super) async fn obtain(
    settings: &AcmeSettings,
    folder: &Folder,
    challenges: &Challenges,
    proof: Proof,
) -> Result<Kept, Failure> {
    let account = account(settings, folder).await?;
    let names: Vec<Identifier> = settings.domains.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await?;
    show_proofs(&mut order, challenges, proof).await?;
    match order.poll_ready(&PATIENCE).await {
        Ok(OrderStatus::Ready) => {}
        Ok(_) => return Err(Failure::NotProven(reasons(&mut order).await)),
        Err(Error::Api(problem)) => return Err(Failure::NotProven(problem.to_string())),
        Err(error) => return Err(error.into()),
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Ok(Kept::read(format!("{key}{chain}")).context("what came is not usable")?)
}

async fn account(settings: &AcmeSettings, folder: &Folder) -> Result<Account, Failure> {
    let builder = Account::builder_with_http(Box::new(Http(outward::client())));
    if let Some(known) = folder.account(&settings.directory)? {
        return Ok(builder.from_credentials(known).await?);
    }
    let contact = format!("mailto:{}", settings.contact);
    let contact: &[&str] = if settings.contact.is_empty() { &[] } else { &[&contact] };
    let wish = NewAccount { contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder.create(&wish, settings.directory.clone(), None).await?;
    folder.keep_account(&credentials)?;
    tracing::info!(directory = settings.directory, "there is an account for certificates now");
    Ok(account)
}

async fn show_proofs(order: &mut Order, challenges: &Challenges, proof: Proof) -> Result<(), Failure> {
    let kind = match proof {
        Proof::Tls => ChallengeType::TlsAlpn01,
        Proof::Http => ChallengeType::Http01,
    };
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let name = authorization.identifier().to_string();
        match authorization.status {
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Valid => continue,
            status => return Err(Failure::NotProven(format!("the server calls {name} {status:?}"))),
        }
        let Some(mut challenge) = authorization.challenge(kind.clone()) else {
            return Err(Failure::NotProven(format!("the server takes no such proof for {name}")));
        };
        let answer = challenge.key_authorization();
        match proof {
            Proof::Tls => challenges.show_certificate(&name, answer.digest().as_ref())?,
            Proof::Http => challenges.show_text(&challenge.token, answer.as_str()),
        }
        challenge.set_ready().await?;
    }
    Ok(())
}

/// What the server says of each name that was not proven.
async fn reasons(order: &mut Order) -> String {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        let name = state.identifier();
        let errors = state.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        reasons.extend(
            errors.map(|error| format!("{name}: {}", error.detail.as_deref().unwrap_or("no reason"))),
        );
    }
    if reasons.is_empty() { String::from("the server did not say why") } else { reasons.join("; ") }
}

/// What the library asks by.
struct Http(Client<BodyWrapper<Bytes>>);

type Answer = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for Http {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Answer {
        let answer = self.0.request(request);
        Box::pin(async move {
            let read = async { outward::whole(answer.await.map_err(|error| outward::chain(&error))?).await };
            let read = tokio::time::timeout(ANSWER_WITHIN, read).await;
            let read = read.unwrap_or_else(|_| Err(format!("no answer within {ANSWER_WITHIN:?}")));
            read.map(|answer| BytesResponse::from(answer.map(http_body_util::Full::new)))
                .map_err(|text| Error::Other(text.into()))
        })
    }
}
