//! What many routes may be answered with, for the description of the API: said once.

use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

type Answers = BTreeMap<String, RefOr<Response>>;

/// Every request under `/api`.
pub(crate) struct Guarded;

/// Whatever names a room.
pub(crate) struct OfRoom;

/// Whatever names a participant of a room.
pub(crate) struct OfParticipant;

/// Whatever takes a body.
pub(crate) struct WithBody;

impl IntoResponses for Guarded {
    fn responses() -> Answers {
        problems(&[
            (
                "401",
                "Where security.require_auth is set: there is no API key and no token, or it is worth nothing",
            ),
            (
                "403",
                "The token is for another room, or does not grant this; or a page of an origin that \
                 security.allowed_origins does not list wants to change something",
            ),
            ("503", "The server is stopping, or recordings are made on another machine that cannot be asked"),
        ])
    }
}

impl IntoResponses for OfRoom {
    fn responses() -> Answers {
        problems(&[("404", "There is no such room")])
    }
}

impl IntoResponses for OfParticipant {
    fn responses() -> Answers {
        problems(&[(
            "404",
            "There is no such room, or nobody with this id in it, or they have no such track",
        )])
    }
}

impl IntoResponses for WithBody {
    fn responses() -> Answers {
        problems(&[
            ("400", "The body is no JSON"),
            ("408", "The body took longer than 30 seconds"),
            ("413", "The body is too long"),
            ("415", "The body is not called application/json"),
            ("422", "The body does not say what it should"),
        ])
    }
}

fn problems(answers: &[(&str, &str)]) -> Answers {
    let problem = |description: &str| {
        let schema = Ref::from_schema_name("Problem");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        ResponseBuilder::new().description(description).content("application/problem+json", content)
    };
    answers.iter().map(|(status, text)| ((*status).to_owned(), problem(text).into())).collect()
}
