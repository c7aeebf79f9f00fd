//! `GET /settings.js`: what the page is asked to do, as a module in place of the embedded one that
//! holds the defaults. The page needs it before it has joined anything, and asks for nothing but files.

use crate::http::problem::Problem;
use crate::hub::Hub;
use crate::settings::PageSettings;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};

/// Stands above the values, here and in the embedded file.
const HEAD: &str = "// @ts-check\n// What pages are asked to do. These are the defaults; a server serves its own values in this file.\n";

pub(crate) async fn show(State(hub): State<Hub>) -> Response {
    let head = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    match hub.call(|state, _| module(&state.config().page)).await {
        Some(text) => (head, text).into_response(),
        None => Problem::stopping().into_response(),
    }
}

fn module(settings: &PageSettings) -> String {
    let values = serde_json::to_string_pretty(settings).expect("plain values");
    format!("{HEAD}export const settings = {values};\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_file_holds_the_defaults() {
        assert_eq!(module(&PageSettings::default()), include_str!("../../web/public/settings.js"));
    }
}
