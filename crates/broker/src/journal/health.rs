//! What the server says of its health: at `/health`, for whoever watches over it.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use serde::Serialize;

use super::{Journal, NotTaken};

/// Where it is said.
pub(crate) const PATH: &str = "/health";

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    /// What becomes of messages that are to be kept.
    store: &'static str,
}

/// 200 while the server does all that it is there for, else 503.
pub(crate) fn response(journal: Option<&Journal>) -> Response<Full<Bytes>> {
    let store = journal.map(|journal| journal.admits(0));
    let (status, health) = match store {
        None => (StatusCode::OK, health("ok", "none")),
        Some(Ok(())) if journal.is_some_and(Journal::is_late) => {
            (unavailable(), health("degraded", "late"))
        }
        Some(Ok(())) => (StatusCode::OK, health("ok", "ok")),
        Some(Err(NotTaken::Low)) => (unavailable(), health("degraded", "disk nearly full")),
        Some(Err(NotTaken::Failed | NotTaken::Long | NotTaken::TooLong)) => {
            (unavailable(), health("degraded", "failed"))
        }
    };
    let body = serde_json::to_vec(&health).expect("texts are JSON");
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn unavailable() -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}

fn health(status: &'static str, store: &'static str) -> Health {
    Health { status, store }
}
