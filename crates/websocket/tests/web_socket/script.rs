//! A case of `cases.json`: a script of calls on the object, and the log that it makes. What the words mean is said in
//! `README.md` beside it; `peers/browser/web_socket.test.mjs` runs the same cases in a browser.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex},
};

use gumboot_websocket::{
    BinaryType, CloseEvent, Event, EventType, MessageData, WebSocket, WebSocketError,
};
use serde_json::Value;

/// The longest payload that is logged whole.
const SHOWN_MAX: usize = 32;

/// One case.
pub(crate) struct Case {
    pub(crate) name: String,
    url: String,
    protocols: Vec<String>,
    /// The calls of each moment: `new`, `open`, `message`, `message 2`, `error`, `close`.
    calls: BTreeMap<String, Vec<String>>,
    pub(crate) log: Vec<String>,
}

impl Case {
    /// A case of the file, with the address of the server in place of `{server}`.
    pub(crate) fn parse(value: &Value, server: &str) -> Self {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let url = text("url")
            .unwrap_or_else(|| format!("ws://{{server}}{}", &value["path"].as_str().unwrap()));
        let calls = value["do"].as_object().into_iter().flatten();
        let at_server = |line: String| line.replace("{server}", server);
        Self {
            name: text("name").expect("each case has a name"),
            url: at_server(url),
            protocols: strings(&value["protocols"]),
            calls: calls
                .map(|(moment, calls)| (moment.clone(), strings(calls)))
                .collect(),
            log: strings(&value["log"]).into_iter().map(at_server).collect(),
        }
    }

    /// Runs the script and gives its log.
    pub(crate) async fn run(self: Arc<Self>) -> Vec<String> {
        let ws = match WebSocket::new(&self.url, self.protocols.clone()) {
            Ok(ws) => ws,
            Err(error) => return vec![throws(&error)],
        };
        let log = Log::default();
        for event_type in [
            EventType::Open,
            EventType::Message,
            EventType::Error,
            EventType::Close,
        ] {
            let (case, log) = (Arc::clone(&self), log.clone());
            let mut count = 0;
            ws.add_event_listener(event_type, move |ws, event| {
                count += 1;
                log.event(ws, event);
                case.call(ws, event_type.as_str(), &log);
                case.call(ws, &format!("{event_type} {count}"), &log);
            });
        }
        self.call(&ws, "new", &log);
        ws.closed().await;
        log.take()
    }

    fn call(&self, ws: &WebSocket, moment: &str, log: &Log) {
        for call in self.calls.get(moment).into_iter().flatten() {
            let (name, argument) = call.split_once(' ').unwrap_or((call, ""));
            let called = match name {
                "send" => ws.send(repeated(argument)),
                "send-bytes" => ws.send(bytes(argument.parse().unwrap())),
                "close" if argument.is_empty() => {
                    ws.close();
                    Ok(())
                }
                "close" => {
                    let (code, reason) = argument.split_once(' ').unwrap_or((argument, ""));
                    ws.close_with(code.parse().unwrap(), &repeated(reason))
                }
                "binary-type" => {
                    ws.set_binary_type(match argument {
                        "arraybuffer" => BinaryType::ArrayBuffer,
                        _ => BinaryType::Blob,
                    });
                    Ok(())
                }
                "look" => {
                    log.push(look(ws, argument));
                    Ok(())
                }
                _ => panic!("{}: there is no call {call:?}", self.name),
            };
            if let Err(error) = called {
                log.push(throws(&error));
            }
        }
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn event(&self, ws: &WebSocket, event: &Event) {
        let state = ws.ready_state() as u16;
        let detail = match event {
            Event::Message(event) => format!(" {}", shown(&event.data)),
            Event::Close(event) => closed(event),
            _ => String::new(),
        };
        self.push(format!("{} {state}{detail}", event.event_type()));
    }
}

fn closed(event: &CloseEvent) -> String {
    let clean = if event.was_clean { "clean" } else { "unclean" };
    let mut line = format!(" {clean} {}", event.code);
    if !event.reason.is_empty() {
        let _ = write!(line, " {}", event.reason);
    }
    line
}

fn look(ws: &WebSocket, what: &str) -> String {
    match what {
        "state" => format!("state {}", ws.ready_state() as u16),
        "buffered" => format!("buffered {}", ws.buffered_amount()),
        "binary-type" => format!("binary-type {}", ws.binary_type().as_str()),
        "protocol" => format!("protocol {:?}", ws.protocol()),
        "extensions" => format!("extensions {:?}", ws.extensions()),
        "url" => format!("url {}", ws.url()),
        _ => panic!("there is no {what:?} to look at"),
    }
}

fn shown(data: &MessageData) -> String {
    let length = data.as_bytes().len();
    match data {
        _ if length > SHOWN_MAX => match data {
            MessageData::Text(_) => format!("text of {length} bytes"),
            MessageData::Binary(_) => format!("{length} bytes"),
        },
        MessageData::Text(text) => format!("text {text}"),
        MessageData::Binary(bytes) => {
            let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
            format!("bytes {}", hex.collect::<String>())
        }
    }
}

fn throws(error: &WebSocketError) -> String {
    format!("throws {}", error.name())
}

/// `x*3` is `xxx`; anything else is itself.
fn repeated(text: &str) -> String {
    match text.split_once('*') {
        Some((part, count)) => match count.parse() {
            Ok(count) => part.repeat(count),
            Err(_) => text.to_owned(),
        },
        None => text.to_owned(),
    }
}

/// So many bytes: 0, 1 and so on.
fn bytes(count: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(count).collect()
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(list) => list
            .iter()
            .map(|item| item.as_str().expect("a string").to_owned())
            .collect(),
        _ => Vec::new(),
    }
}
