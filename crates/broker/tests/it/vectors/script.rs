//! Vectors as they stand in their files.

use gumboot_testkit::{BINARY, TEXT};

use super::{actor::Way, expected::Expected};

/// An exchange.
pub(super) struct Vector {
    pub(super) title: String,
    pub(super) versions: Vec<String>,
    /// Only over WebSocket, a message for all that is sent at once.
    is_for_websocket: bool,
    pub(super) settings: Vec<(String, String)>,
    pub(super) steps: Vec<Step>,
}

/// A line of an exchange.
pub(super) struct Step {
    pub(super) line: String,
    pub(super) actor: char,
    pub(super) what: What,
}

/// What a client does, or is to see.
pub(super) enum What {
    Opens,
    Sends(String),
    /// In one WebSocket message, with this first byte.
    SendsOneMessage(u8, String),
    Receives(Expected),
    Drops,
    Leaves,
    Ends(Option<u16>),
    HearsNothing,
}

impl Vector {
    pub(super) fn goes_over(&self, way: Way) -> bool {
        !self.is_for_websocket || way == Way::WebSocket
    }
}

/// The vectors of a file.
pub(super) fn parse(text: &str) -> Vec<Vector> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut vectors: Vec<Vector> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        if let Some(title) = line.strip_prefix("== ") {
            vectors.push(Vector {
                title: title.to_owned(),
                versions: ["1.0", "1.1", "1.2"].map(str::to_owned).into(),
                is_for_websocket: false,
                settings: Vec::new(),
                steps: Vec::new(),
            });
            continue;
        }
        let vector = vectors.last_mut().expect("a title comes first");
        let (first, rest) = line.split_once(' ').expect("a line has two words");
        match first {
            "versions" => vector.versions = rest.split(' ').map(str::to_owned).collect(),
            "over" => {
                assert_eq!(rest, "websocket");
                vector.is_for_websocket = true;
            }
            "with" => {
                let (name, value) = rest.split_once(' ').expect("a setting has a value");
                vector.settings.push((name.to_owned(), value.to_owned()));
            }
            _ => vector.steps.push(step(line, first, rest)),
        }
    }
    vectors
}

fn step(line: &str, first: &str, rest: &str) -> Step {
    let mut letters = first.chars();
    let actor = letters.next().expect("a word has a letter");
    assert!(actor.is_ascii_uppercase(), "{line}");
    let what = match letters.as_str() {
        ">" => What::Sends(rest.to_owned()),
        ">text" => What::SendsOneMessage(TEXT, rest.to_owned()),
        ">binary" => What::SendsOneMessage(BINARY, rest.to_owned()),
        "<" => What::Receives(Expected::parse(rest, false)),
        "<<" => What::Receives(Expected::parse(rest, true)),
        "" => verb(rest),
        other => panic!("{other} in {line}"),
    };
    Step {
        line: line.to_owned(),
        actor,
        what,
    }
}

fn verb(words: &str) -> What {
    match words {
        "opens" => What::Opens,
        "drops" => What::Drops,
        "leaves" => What::Leaves,
        "ends" => What::Ends(None),
        "hears nothing" => What::HearsNothing,
        _ => {
            let code = words.strip_prefix("ends ").expect("a word that is known");
            What::Ends(Some(code.parse().expect("the code of a Close")))
        }
    }
}
