//! HTTP/1.1 as text: the request of a WebSocket handshake, with what a test changes in it, and responses.

use crate::tcp::TcpPeer;

/// The key of the example in RFC 6455 §1.3, which every handshake of the tests sends.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The answer to [`KEY`].
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The head of a good handshake at `path` with `changes` made to it: each is a header line that takes the place of
/// those of its name; without a value, it takes them away.
#[must_use]
pub fn upgrade_request(path: &str, changes: &[&str]) -> String {
    let key = format!("sec-websocket-key: {KEY}");
    let good = [
        "host: localhost",
        "upgrade: websocket",
        "connection: Upgrade",
        &key,
        "sec-websocket-version: 13",
    ];
    let name = |line: &str| line.split_once(':').map(|(name, _)| name.to_owned());
    let is_kept = |line: &&&str| !changes.iter().any(|change| name(change) == name(line));
    let has_value = |line: &&&str| !line.ends_with(':');
    let mut head = format!("GET {path} HTTP/1.1\r\n");
    for line in good.iter().filter(is_kept).chain(changes).filter(has_value) {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head + "\r\n"
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The headers: names in lower case, values as they came.
    pub headers: Vec<(String, String)>,
    /// The body, by its `content-length`.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The next response that comes.
    ///
    /// # Panics
    /// If what comes is none.
    #[must_use]
    #[track_caller]
    pub fn read(tcp: &mut TcpPeer) -> Self {
        let head = tcp.read_until(b"\r\n\r\n");
        let head = String::from_utf8(head).expect("a head is text");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap_or_default();
        let code = status.strip_prefix("HTTP/1.1 ").map(|rest| &rest[..3]);
        let mut response = Self {
            status: code
                .and_then(|code| code.parse().ok())
                .unwrap_or_else(|| panic!("{status:?} is no status line")),
            headers: lines.map(header).collect(),
            body: Vec::new(),
        };
        if let Some(length) = response.header("content-length") {
            let length = length.parse().expect("a length is a number");
            response.body = tcp.read(length);
        }
        response
    }

    /// The value of the header `name`, of which there is one at most.
    ///
    /// # Panics
    /// If there are several.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|header| header.0 == name);
        let value = values.next();
        assert!(values.next().is_none(), "several {name} in {self:?}");
        value.map(|header| header.1.as_str())
    }

    /// The body as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').expect("a header has a colon");
    (name.to_ascii_lowercase(), value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_replaced_added_and_taken_away() {
        let request = upgrade_request("/ws", &["upgrade: h2c", "host:", "origin: null"]);
        assert!(request.starts_with("GET /ws HTTP/1.1\r\nconnection: Upgrade\r\n"));
        assert!(request.ends_with("\r\nupgrade: h2c\r\norigin: null\r\n\r\n"));
        assert!(!request.contains("host") && !request.contains("upgrade: websocket"));
    }
}
