//! What is said: lines on standard error, and events as lines of JSON.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::Value;

use super::render;

/// A line on standard error.
pub(super) fn complain(text: &str) {
    // There is nobody left to tell if that fails.
    let _ = writeln!(io::stderr(), "gumboot: {text}");
}

/// A line for an event, with the time; harmless also where standard output is a terminal.
pub(super) fn event_line(mut event: Value) -> String {
    event["time"] = format!("{:.3}", Timestamp::now()).into();
    render::escaped_json(&event.to_string()) + "\n"
}
