//! The notation of octets, and the names that stand for what earlier frames said.

use std::collections::HashMap;

use gumboot_testkit::StompFrame;

/// What names stand for.
pub(super) struct Bindings {
    version: String,
    values: HashMap<String, String>,
    messages: HashMap<String, StompFrame>,
}

impl Bindings {
    pub(super) fn new(version: &str) -> Self {
        let values = [("version".to_owned(), version.to_owned())];
        Self {
            version: version.to_owned(),
            values: values.into(),
            messages: HashMap::new(),
        }
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// A name stands for a message from now on.
    pub(super) fn bind_message(&mut self, name: &str, message: StompFrame) {
        self.messages.insert(name.to_owned(), message);
    }

    /// What a name stands for; if it is new, `value` from now on.
    pub(super) fn value_or(&mut self, name: &str, value: &str) -> &str {
        let values = self.values.entry(name.to_owned());
        values.or_insert_with(|| value.to_owned())
    }

    /// The octets that a client sends.
    pub(super) fn octets(&self, text: &str) -> Vec<u8> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').expect("a brace is closed");
            filled.push_str(before);
            match name.strip_prefix("ack ") {
                Some(message) => filled.push_str(&self.acknowledging(message)),
                None => filled.push_str(&self.values[name]),
            }
            rest = behind;
        }
        octets(&(filled + rest))
    }

    /// The headers by which ACK and NACK name a message (STOMP 1.2, ACK, and the same of 1.1 and 1.0).
    fn acknowledging(&self, message: &str) -> String {
        let message = &self.messages[message];
        let header = |name| message.header(name).expect("a MESSAGE has this header");
        match self.version.as_str() {
            "1.0" => format!("message-id:{}", header("message-id")),
            "1.1" => format!(
                "subscription:{}\nmessage-id:{}",
                header("subscription"),
                header("message-id")
            ),
            _ => format!("id:{}", header("ack")),
        }
    }
}

/// Octets from their notation: `␊`, `␍`, `^@` for NUL, and `^` with two hexadecimal digits.
pub(super) fn octets(text: &str) -> Vec<u8> {
    let text = text
        .replace('␊', "\n")
        .replace('␍', "\r")
        .replace("^@", "\0");
    let mut parts = text.split('^');
    let mut octets = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        octets.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
        octets.extend_from_slice(rest.as_bytes());
    }
    octets
}
