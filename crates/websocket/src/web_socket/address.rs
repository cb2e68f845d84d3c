//! The two arguments of the constructor: the URL (WHATWG WebSockets, "get a URL record"), the subprotocols, and the
//! ports that a browser does not connect to (WHATWG Fetch, "Port blocking").

use gumboot_websocket_proto::handshake::is_token;
use url::Url;

use super::error::InvalidSyntax;

/// The URL of a WebSocket: `http` and `https` are other ways to write `ws` and `wss`.
pub(super) fn parse_url(text: &str) -> Result<Url, InvalidSyntax> {
    let mut url = Url::parse(text).map_err(|_| InvalidSyntax::Url(text.to_owned()))?;
    let scheme = match url.scheme() {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        other => return Err(InvalidSyntax::Scheme(other.to_owned())),
    };
    url.set_scheme(scheme)
        .map_err(|()| InvalidSyntax::Scheme(scheme.to_owned()))?;
    if url.fragment().is_some() {
        return Err(InvalidSyntax::Fragment);
    }
    Ok(url)
}

/// The subprotocols as they are offered: each a token, and none of them twice.
pub(super) fn parse_protocols(protocols: impl Protocols) -> Result<Vec<String>, InvalidSyntax> {
    let protocols = protocols.into_protocols();
    for (index, protocol) in protocols.iter().enumerate() {
        if !is_token(protocol) {
            return Err(InvalidSyntax::Protocol(protocol.clone()));
        }
        let mut earlier = protocols[..index].iter();
        if earlier.any(|earlier| earlier.eq_ignore_ascii_case(protocol)) {
            return Err(InvalidSyntax::ProtocolRepeated(protocol.clone()));
        }
    }
    Ok(protocols)
}

/// Whether the URL names a port at which other services listen, so that no connection is made to it.
pub(super) fn is_port_blocked(url: &Url) -> bool {
    url.port()
        .is_some_and(|port| BAD_PORTS.binary_search(&port).is_ok())
}

/// WHATWG Fetch, "bad port": in ascending order.
#[rustfmt::skip]
const BAD_PORTS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// What may stand for the subprotocols: `()` or `[]` for none, one name, or a list of names with the preferred one
/// first.
pub trait Protocols {
    /// The names.
    fn into_protocols(self) -> Vec<String>;
}

impl Protocols for () {
    fn into_protocols(self) -> Vec<String> {
        Vec::new()
    }
}

impl Protocols for &str {
    fn into_protocols(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl Protocols for String {
    fn into_protocols(self) -> Vec<String> {
        vec![self]
    }
}

impl Protocols for Vec<String> {
    fn into_protocols(self) -> Vec<String> {
        self
    }
}

impl Protocols for &[String] {
    fn into_protocols(self) -> Vec<String> {
        self.to_vec()
    }
}

impl Protocols for &[&str] {
    fn into_protocols(self) -> Vec<String> {
        self.iter().map(|&name| name.to_owned()).collect()
    }
}

impl Protocols for Vec<&str> {
    fn into_protocols(self) -> Vec<String> {
        self.as_slice().into_protocols()
    }
}

impl<const N: usize> Protocols for [&str; N] {
    fn into_protocols(self) -> Vec<String> {
        self.as_slice().into_protocols()
    }
}

impl<const N: usize> Protocols for &[&str; N] {
    fn into_protocols(self) -> Vec<String> {
        self.as_slice().into_protocols()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, InvalidSyntax>) {
        let url = parse_url(text).map(String::from);
        assert_eq!(url, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn urls_are_serialised_as_web_socket_urls() {
        check("ws://h/a?b", Ok("ws://h/a?b"));
        check("  WSS://H:443/%zz \n", Ok("wss://h/%zz"));
        check("http://h", Ok("ws://h/"));
        check("https://h:443/a/../b", Ok("wss://h/b"));
        check("ws://h:80/", Ok("ws://h/"));
        check("ws:h", Ok("ws://h/"));
        check("ws://[::1]:8080", Ok("ws://[::1]:8080/"));
        check("ws://bücher.example/", Ok("ws://xn--bcher-kva.example/"));
    }

    #[test]
    fn other_urls_are_refused() {
        check("ws://h/#", Err(InvalidSyntax::Fragment));
        check("ws://h/#a", Err(InvalidSyntax::Fragment));
        for scheme in ["ftp", "mailto", "about", "javascript", "data", "wsss"] {
            let refused = Err(InvalidSyntax::Scheme(scheme.to_owned()));
            check(&format!("{scheme}:x"), refused);
        }
        for relative in [
            "",
            "/echo",
            "//h/",
            "?q",
            "ws://",
            "ws://h:99999/",
            "ws://h h/",
        ] {
            check(relative, Err(InvalidSyntax::Url(relative.to_owned())));
        }
    }

    #[test]
    fn ports_of_other_services_are_blocked() {
        assert!(BAD_PORTS.is_sorted());
        let blocked = |text: &str| is_port_blocked(&parse_url(text).unwrap());
        for port in BAD_PORTS {
            assert!(blocked(&format!("ws://h:{port}/")), "{port}");
        }
        for allowed in ["ws://h/", "wss://h/", "ws://h:443/", "ws://h:8080/"] {
            assert!(!blocked(allowed), "{allowed}");
        }
    }

    #[test]
    fn protocols_may_be_none_one_or_many() {
        assert!(parse_protocols(()).unwrap().is_empty());
        assert!(parse_protocols([]).unwrap().is_empty());
        assert_eq!(parse_protocols("a").unwrap(), ["a"]);
        assert_eq!(parse_protocols(String::from("a")).unwrap(), ["a"]);
        assert_eq!(parse_protocols(["b", "a"]).unwrap(), ["b", "a"]);
        assert_eq!(parse_protocols(vec!["b", "a"]).unwrap(), ["b", "a"]);
        const LIST: &[&str; 1] = &["b"];
        assert_eq!(parse_protocols(LIST).unwrap(), ["b"]);
        assert_eq!(parse_protocols(LIST.as_slice()).unwrap(), ["b"]);
        let owned = vec!["b".to_owned()];
        assert_eq!(parse_protocols(owned.as_slice()).unwrap(), ["b"]);
        assert_eq!(parse_protocols(owned).unwrap(), ["b"]);
    }

    #[test]
    fn protocols_are_tokens_each_once() {
        for bad in ["", "a b", "a,b", "ä", "a/b", "\u{7f}"] {
            let refused = Err(InvalidSyntax::Protocol(bad.to_owned()));
            assert_eq!(parse_protocols(bad), refused);
        }
        let refused = Err(InvalidSyntax::ProtocolRepeated("Echo".to_owned()));
        assert_eq!(parse_protocols(["echo", "x", "Echo"]), refused);
    }
}
