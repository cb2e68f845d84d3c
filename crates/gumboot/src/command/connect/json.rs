//! Events as lines of JSON, and lines of JSON as requests.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use gumboot_websocket::proto::{CloseCode, CloseFrame, Message};
use serde_json::{Value, json};

use super::{
    Request,
    wire::{Ending, Pong},
};

/// The JSON of a message: text as it is, binary in base64.
pub(super) fn message(message: &Message) -> Value {
    match message.as_text() {
        Some(text) => json!({ "event": "message", "type": "text", "data": text }),
        None => json!({
            "event": "message",
            "type": "binary",
            "data": STANDARD.encode(message.as_bytes()),
        }),
    }
}

pub(super) fn ping(payload: &[u8]) -> Value {
    json!({ "event": "ping", "data": STANDARD.encode(payload) })
}

pub(super) fn pong(pong: &Pong) -> Value {
    json!({
        "event": "pong",
        "data": STANDARD.encode(&pong.payload),
        "round_trip_ms": pong.round_trip.map(|took| took.as_micros() as f64 / 1000.0),
    })
}

/// The end: with the codes for what was not there, 1005 and 1006, as browsers tell them.
pub(super) fn close(ending: &Ending) -> Value {
    let (code, reason) = match &ending.close {
        Some(Some(frame)) => (frame.code().get(), frame.reason()),
        Some(None) => (1005, ""),
        None => (1006, ""),
    };
    json!({ "event": "close", "code": code, "reason": reason, "clean": ending.is_clean })
}

pub(super) fn error(whose: &str, status: Option<u16>, message: &str) -> Value {
    json!({ "event": "error", "fault": whose, "status": status, "message": message })
}

/// What a line of JSON asks for: an object as those that are printed, for the events `message`, `ping` and `close`.
///
/// # Errors
/// What is wrong with the line.
pub(super) fn request(line: &[u8]) -> Result<Request, String> {
    let value: Value =
        serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    match value["event"].as_str() {
        Some("message") => message_request(&value),
        Some("ping") => Ok(Request::Ping(base64(&value["data"])?)),
        Some("close") => close_request(&value),
        _ => Err("\"event\" is not one of \"message\", \"ping\", \"close\"".to_owned()),
    }
}

fn message_request(value: &Value) -> Result<Request, String> {
    match (value["type"].as_str(), value["data"].as_str()) {
        (Some("text"), Some(text)) => Ok(Request::Send(Message::text(text))),
        (Some("binary"), Some(_)) => Ok(Request::Send(Message::binary(base64(&value["data"])?))),
        (_, None) => Err("\"data\" is not a string".to_owned()),
        _ => Err("\"type\" is not one of \"text\", \"binary\"".to_owned()),
    }
}

/// A string in base64; nothing is empty.
fn base64(value: &Value) -> Result<Bytes, String> {
    let text = match value {
        Value::Null => "",
        value => value.as_str().ok_or("\"data\" is not a string")?,
    };
    let bytes = STANDARD.decode(text);
    bytes
        .map(Bytes::from)
        .map_err(|error| format!("\"data\" is not base64: {error}"))
}

fn close_request(value: &Value) -> Result<Request, String> {
    let reason = match &value["reason"] {
        Value::Null => None,
        reason => Some(reason.as_str().ok_or("\"reason\" is not a string")?),
    };
    let code = match (&value["code"], reason) {
        (Value::Null, None) => return Ok(Request::Close(None)),
        // RFC 6455 §5.5.1: the reason stands behind the code.
        (Value::Null, Some(_)) => return Err("a \"reason\" needs a \"code\"".to_owned()),
        (code, _) => code.as_u64().and_then(|code| u16::try_from(code).ok()),
    };
    let reason = reason.unwrap_or("");
    close_frame(code, reason).map(|frame| Request::Close(Some(frame)))
}

/// The body of a Close that the user wants.
///
/// # Errors
/// It may not be sent.
pub(super) fn close_frame(code: Option<u16>, reason: &str) -> Result<CloseFrame, String> {
    let code = code
        .and_then(CloseCode::new)
        .ok_or("a close code is one of 1000 to 1003, 1007 to 1014 and 3000 to 4999")?;
    CloseFrame::new(code, reason).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, wanted: &str) {
        let request = match request(line.as_bytes()) {
            Ok(request) => format!("{request:?}"),
            Err(error) => error,
        };
        assert!(request.starts_with(wanted), "{line}: {request}");
    }

    #[test]
    fn what_is_printed_can_be_sent() {
        for sent in [Message::text("grüße\n"), Message::binary(vec![0, 255])] {
            let line = message(&sent).to_string();
            match request(line.as_bytes()) {
                Ok(Request::Send(read)) => assert_eq!(read, sent),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn requests() {
        check(r#"{"event":"ping"}"#, "Ping(b\"\")");
        check(r#"{"event":"ping","data":"aGk="}"#, "Ping(b\"hi\")");
        check(r#"{"event":"close"}"#, "Close(None)");
        check(
            r#"{"event":"close","code":4000,"reason":"bye"}"#,
            "Close(Some(",
        );
        check(
            r#"{"event":"close","code":4000,"reason":null}"#,
            "Close(Some(",
        );
        check(
            r#"{"event":"close","reason":"bye"}"#,
            "a \"reason\" needs a \"code\"",
        );
        check(
            r#"{"event":"close","code":4000,"reason":7}"#,
            "\"reason\" is not a string",
        );
        check(r#"{"event":"close","code":1005}"#, "a close code is");
        check(r#"{"event":"close","code":70000}"#, "a close code is");
        check(r#"{"event":"open"}"#, "\"event\" is not");
        check(
            r#"{"event":"message","type":"text"}"#,
            "\"data\" is not a string",
        );
        check(
            r#"{"event":"message","type":"x","data":""}"#,
            "\"type\" is not",
        );
        check(
            r#"{"event":"message","type":"binary","data":"?"}"#,
            "\"data\" is not base64",
        );
        check("hello", "not JSON");
    }
}
