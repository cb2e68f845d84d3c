//! A case of `cases.json`: a script of calls on the object, and the log that it makes. What the words mean is said in
//! `README.md` beside it; `peers/browser/web_socket.test.mjs` runs the same cases in a browser.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use gumboot_websocket::{BinaryType, Client, Event, EventType, ListenerId, MessageData, WebSocket};
use serde_json::Value;

use crate::{
    log::{Log, look, throws},
    server::Transport,
};

const EVENT_TYPES: [EventType; 4] = [
    EventType::Open,
    EventType::Message,
    EventType::Error,
    EventType::Close,
];

/// Where the cases run: a server, the transport to it, and the client that knows the way.
pub(crate) struct Place {
    pub(crate) transport: Transport,
    /// Its host and port.
    pub(crate) server: String,
    pub(crate) client: Client,
}

impl Place {
    /// A text of the cases with what it means here.
    fn fill_in(&self, text: &str) -> String {
        let (ws, http) = match self.transport {
            Transport::Ws => ("ws", "http"),
            Transport::Wss | Transport::Http2 => ("wss", "https"),
        };
        let port = if ws == "ws" { "80" } else { "443" };
        text.replace("{ws}", ws)
            .replace("{WS}", &ws.to_uppercase())
            .replace("{http}", http)
            .replace("{server}", &self.server)
            .replace("{default port}", port)
    }
}

/// One case.
pub(crate) struct Case {
    pub(crate) name: String,
    url: String,
    protocols: Vec<String>,
    client: Client,
    /// The calls of each moment: `new`, `open`, `message`, `message 2`, `error`, `close`.
    calls: BTreeMap<String, Vec<String>>,
    pub(crate) log: Vec<String>,
}

impl Case {
    /// Why a case is not for a transport, if it is not.
    pub(crate) fn why_not(value: &Value, transport: Transport) -> Option<String> {
        let transports = strings(&value["transports"]);
        if transports.is_empty() || transports.iter().any(|name| name == transport.name()) {
            return None;
        }
        let reason = value["reason"].as_str();
        Some(reason.expect("what is left out has a reason").to_owned())
    }

    /// A case of the file, as it is at a place.
    pub(crate) fn parse(value: &Value, place: &Place) -> Self {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let url = text("url")
            .unwrap_or_else(|| format!("{{ws}}://{{server}}{}", &value["path"].as_str().unwrap()));
        let calls = value["do"].as_object().into_iter().flatten();
        let log = strings(&value["log"]);
        Self {
            name: text("name").expect("each case has a name"),
            url: place.fill_in(&url),
            protocols: strings(&value["protocols"]),
            client: client(value, place),
            calls: calls
                .map(|(moment, calls)| (moment.clone(), strings(calls)))
                .collect(),
            log: log.iter().map(|line| place.fill_in(line)).collect(),
        }
    }

    /// Runs the script and gives its log.
    pub(crate) async fn run(self: Arc<Self>) -> Vec<String> {
        let protocols = self.protocols.clone();
        let ws = match WebSocket::with_client(&self.client, &self.url, protocols) {
            Ok(ws) => ws,
            Err(error) => return vec![throws(&error)],
        };
        let run = Run {
            case: Arc::clone(&self),
            log: Log::default(),
            listeners: Arc::default(),
        };
        for event_type in EVENT_TYPES {
            let run = run.clone();
            let mut count = 0;
            ws.add_event_listener(event_type, move |ws, event| {
                count += 1;
                run.log.event(ws, event);
                run.call_all(ws, event_type.as_str(), Some(event));
                run.call_all(ws, &format!("{event_type} {count}"), Some(event));
            });
        }
        run.call_all(&ws, "new", None);
        ws.closed().await;
        run.log.take()
    }
}

/// The client of a case: that of the place, unless the case wants something sent along.
fn client(value: &Value, place: &Place) -> Client {
    let mut client = place.client.clone();
    if let Some(cookie) = value["cookie"].as_str() {
        let (name, value) = cookie.split_once('=').expect("a cookie has a value");
        client = client.cookie(name, value).unwrap();
    }
    if let Some(origin) = value["origin"].as_str() {
        client = client.header("origin", &place.fill_in(origin)).unwrap();
    }
    client
}

/// A case that runs.
#[derive(Clone)]
struct Run {
    case: Arc<Case>,
    log: Log,
    /// The listeners that the script has added, by their names.
    listeners: Arc<Mutex<BTreeMap<String, ListenerId>>>,
}

impl Run {
    fn call_all(&self, ws: &WebSocket, moment: &str, event: Option<&Event>) {
        for call in self.case.calls.get(moment).into_iter().flatten() {
            self.call(ws, call, event);
        }
    }

    fn call(&self, ws: &WebSocket, call: &str, event: Option<&Event>) {
        let (name, argument) = call.split_once(' ').unwrap_or((call, ""));
        let (first, second) = argument.split_once(' ').unwrap_or((argument, ""));
        let called = match name {
            "times" => {
                (0..number(first)).for_each(|_| self.call(ws, second, event));
                Ok(())
            }
            "send" => ws.send(repeated(argument)),
            "send-back" => ws.send(data(event).expect("there is a message")),
            "send-bytes" | "send-buffer" => ws.send(bytes(number(argument))),
            "send-blob" => ws.send(bytes::Bytes::from(bytes(number(argument)))),
            "send-part" => ws.send(&bytes(number(second))[number(first)..]),
            "close" if argument.is_empty() => {
                ws.close();
                Ok(())
            }
            "close" => ws.close_with(first.parse().unwrap(), &repeated(second)),
            _ => {
                self.set_or_look(ws, name, first, second, event);
                Ok(())
            }
        };
        if let Err(error) = called {
            self.log.push(throws(&error));
        }
    }

    /// The calls that cannot fail.
    fn set_or_look(
        &self,
        ws: &WebSocket,
        name: &str,
        first: &str,
        second: &str,
        event: Option<&Event>,
    ) {
        match name {
            "binary-type" => ws.set_binary_type(match first {
                "arraybuffer" => BinaryType::ArrayBuffer,
                "blob" => BinaryType::Blob,
                _ => panic!("there is no {first:?}"),
            }),
            "listen" => {
                let id = ws.add_event_listener(event_type(first), self.listener(second));
                let mut listeners = self.listeners.lock().unwrap();
                listeners.insert(second.to_owned(), id);
            }
            "unlisten" => {
                let id = self.listeners.lock().unwrap().remove(first);
                assert!(ws.remove_event_listener(id.expect("it was added")));
            }
            "handle" if second.is_empty() => ws.clear_handler(event_type(first)),
            "handle" => {
                let mut heard = self.listener(second);
                match event_type(first) {
                    EventType::Open => ws.set_onopen(heard),
                    EventType::Error => ws.set_onerror(heard),
                    EventType::Message => ws.set_onmessage(move |ws, event| {
                        heard(ws, &Event::Message(event.clone()));
                    }),
                    EventType::Close => ws.set_onclose(move |ws, event| {
                        heard(ws, &Event::Close(event.clone()));
                    }),
                }
            }
            "look" => self.log.push(look(ws, first, event)),
            _ => panic!("{}: there is no call {name:?}", self.case.name),
        }
    }

    /// A listener that logs its name.
    fn listener(&self, name: &str) -> impl FnMut(&WebSocket, &Event) + Send + use<> {
        let (log, name) = (self.log.clone(), name.to_owned());
        move |_, event| log.push(format!("{name} hears {}", event.event_type()))
    }
}

fn data(event: Option<&Event>) -> Option<&MessageData> {
    match event {
        Some(Event::Message(event)) => Some(&event.data),
        _ => None,
    }
}

fn event_type(name: &str) -> EventType {
    let mut types = EVENT_TYPES.into_iter();
    let found = types.find(|event_type| event_type.as_str() == name);
    found.unwrap_or_else(|| panic!("there is no event {name:?}"))
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// `x*3` is `xxx`; anything else is itself.
fn repeated(text: &str) -> String {
    match text.rsplit_once('*') {
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
