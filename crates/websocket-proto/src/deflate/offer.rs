//! The negotiation of permessage-deflate (RFC 7692 §7.1): offers, the choice among them, and the check of the answer.

use std::fmt;

use super::DeflateConfig;
use crate::handshake::is_token;

const NAME: &str = "permessage-deflate";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_WINDOW_BITS: &str = "client_max_window_bits";

/// What both ends have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateParams {
    /// The server does not refer to its earlier messages.
    pub server_no_takeover: bool,
    /// The client does not refer to its earlier messages.
    pub client_no_takeover: bool,
    /// The server's window, 8 to 15.
    pub server_window_bits: u8,
    /// The client's window, 8 to 15.
    pub client_window_bits: u8,
}

/// One extension as a header lists it (RFC 6455 §9.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    name: String,
    params: Vec<(String, Option<String>)>,
}

/// Parameters that RFC 7692 §7.1 does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidParams;

/// The parameters of one permessage-deflate, as they were written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Written {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_window_bits: Option<u8>,
    client_window_bits: Option<ClientWindowBits>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientWindowBits {
    /// The client can be told.
    Any,
    Exactly(u8),
}

impl Extension {
    pub(crate) fn is_deflate(&self) -> bool {
        self.name == NAME
    }

    fn read(&self) -> Result<Written, InvalidParams> {
        let mut written = Written::default();
        for (index, (name, value)) in self.params.iter().enumerate() {
            if self.params[..index]
                .iter()
                .any(|(earlier, _)| earlier == name)
            {
                return Err(InvalidParams);
            }
            match (name.as_str(), value) {
                (SERVER_NO_TAKEOVER, None) => written.server_no_takeover = true,
                (CLIENT_NO_TAKEOVER, None) => written.client_no_takeover = true,
                (SERVER_WINDOW_BITS, Some(bits)) => {
                    written.server_window_bits = Some(window_bits(bits)?);
                }
                (CLIENT_WINDOW_BITS, None) => {
                    written.client_window_bits = Some(ClientWindowBits::Any);
                }
                (CLIENT_WINDOW_BITS, Some(bits)) => {
                    written.client_window_bits =
                        Some(ClientWindowBits::Exactly(window_bits(bits)?));
                }
                _ => return Err(InvalidParams),
            }
        }
        Ok(written)
    }
}

/// The offer of a client that its server takes.
fn first_valid(offers: &[Extension]) -> Option<Written> {
    let mut deflate = offers.iter().filter(|offer| offer.is_deflate());
    deflate.find_map(|offer| offer.read().ok())
}

/// RFC 7692 §7.1.2: a number from 8 to 15 without leading zeros.
fn window_bits(value: &str) -> Result<u8, InvalidParams> {
    let bits = value.parse().ok().filter(|bits| (8..=15).contains(bits));
    bits.filter(|bits: &u8| bits.to_string() == value)
        .ok_or(InvalidParams)
}

impl DeflateParams {
    /// The server's choice out of the offers of a client: the first that it can do.
    pub(crate) fn choose(offers: &[Extension], config: &DeflateConfig) -> Option<Self> {
        first_valid(offers).map(|offer| Self::answer(offer, config))
    }

    /// The server's answer to these offers, of which this is the choice.
    pub(crate) fn written_for(&self, offers: &[Extension]) -> String {
        // RFC 7692 §7.1.2.1: an offer of a window is accepted by naming one, the full one as well.
        let is_asked = first_valid(offers).is_some_and(|offer| offer.server_window_bits.is_some());
        if is_asked && self.server_window_bits == 15 {
            return format!("{self}; {SERVER_WINDOW_BITS}=15");
        }
        self.to_string()
    }

    fn answer(offer: Written, config: &DeflateConfig) -> Self {
        let client_window_bits = match offer.client_window_bits {
            // RFC 7692 §7.1.2.2: a client that does not offer it cannot be told.
            None => 15,
            Some(ClientWindowBits::Any) => config.peer_window_bits_max,
            Some(ClientWindowBits::Exactly(bits)) => bits.min(config.peer_window_bits_max),
        };
        let server_window_bits = offer.server_window_bits.unwrap_or(15);
        Self {
            server_no_takeover: offer.server_no_takeover || !config.own_takeover,
            client_no_takeover: offer.client_no_takeover || !config.peer_takeover,
            server_window_bits: server_window_bits.min(config.own_window_bits_max),
            client_window_bits,
        }
    }

    /// The client's check of a server's answer to the [`offer`].
    pub(crate) fn verify(
        answer: &Extension,
        config: &DeflateConfig,
    ) -> Result<Self, InvalidParams> {
        let written = answer.read()?;
        let client_window_bits = match written.client_window_bits {
            None => 15,
            // RFC 7692 §7.1.2.2: in an answer it has a value.
            Some(ClientWindowBits::Any) => return Err(InvalidParams),
            Some(ClientWindowBits::Exactly(bits)) => bits,
        };
        let server_window_bits = written.server_window_bits.unwrap_or(15);
        // RFC 7692 §7.1.1.1, §7.1.2.1: what was asked of the server must be in its answer.
        let refused_takeover = !config.peer_takeover && !written.server_no_takeover;
        if refused_takeover || server_window_bits > config.peer_window_bits_max {
            return Err(InvalidParams);
        }
        Ok(Self {
            server_no_takeover: written.server_no_takeover,
            client_no_takeover: written.client_no_takeover || !config.own_takeover,
            server_window_bits,
            client_window_bits: client_window_bits.min(config.own_window_bits_max),
        })
    }
}

/// What a client offers: by default what browsers do, which every server understands.
pub(crate) fn offer(config: &DeflateConfig) -> String {
    let mut offer = NAME.to_owned();
    if !config.peer_takeover {
        offer += &format!("; {SERVER_NO_TAKEOVER}");
    }
    if config.peer_window_bits_max < 15 {
        offer += &format!("; {SERVER_WINDOW_BITS}={}", config.peer_window_bits_max);
    }
    offer + &format!("; {CLIENT_WINDOW_BITS}")
}

/// As a server's answer has it.
impl fmt::Display for DeflateParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_takeover {
            write!(f, "; {SERVER_NO_TAKEOVER}")?;
        }
        if self.client_no_takeover {
            write!(f, "; {CLIENT_NO_TAKEOVER}")?;
        }
        if self.server_window_bits < 15 {
            write!(f, "; {SERVER_WINDOW_BITS}={}", self.server_window_bits)?;
        }
        if self.client_window_bits < 15 {
            write!(f, "; {CLIENT_WINDOW_BITS}={}", self.client_window_bits)?;
        }
        Ok(())
    }
}

/// The extensions that a header lists; `None` if it is malformed (RFC 6455 §9.1).
pub(crate) fn parse_extensions(header: &str) -> Option<Vec<Extension>> {
    let mut extensions = Vec::new();
    for element in split_outside_quotes(header, ',')? {
        if !element.is_empty() {
            extensions.push(parse_extension(element)?);
        }
    }
    Some(extensions)
}

fn parse_extension(element: &str) -> Option<Extension> {
    let mut parts = split_outside_quotes(element, ';')?.into_iter();
    let name = parts.next().filter(|name| is_token(name))?.to_owned();
    let params = parts.map(parse_param).collect::<Option<_>>()?;
    Some(Extension { name, params })
}

/// A name, and perhaps a value: a token, or one in quotes.
fn parse_param(part: &str) -> Option<(String, Option<String>)> {
    let (name, value) = match part.split_once('=') {
        Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
        None => (part, None),
    };
    let value = match value {
        Some(value) => Some(unquoted(value).filter(|value| is_token(value))?),
        None => None,
    };
    is_token(name).then(|| (name.to_owned(), value))
}

fn unquoted(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else {
        return Some(value.to_owned());
    };
    let inner = quoted.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        text.push(if char == '\\' { chars.next()? } else { char });
    }
    Some(text)
}

/// The parts between `separator`s, trimmed; `None` if a quote is not closed.
fn split_outside_quotes(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if char == separator && !quoted => {
                parts.push(text[start..at].trim_matches([' ', '\t']));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim_matches([' ', '\t']));
    (!quoted).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(header: &str, config: &DeflateConfig) -> Option<String> {
        let offers = parse_extensions(header).unwrap();
        DeflateParams::choose(&offers, config).map(|params| params.to_string())
    }

    fn check(header: &str, expected: Option<&str>) {
        let takeover = DeflateConfig::with_takeover();
        assert_eq!(choose(header, &takeover).as_deref(), expected, "{header}");
    }

    #[test]
    fn the_server_agrees_to_what_it_can_do() {
        check("permessage-deflate", Some("permessage-deflate"));
        check(
            "permessage-deflate; client_max_window_bits",
            Some("permessage-deflate"),
        );
        check("x, permessage-deflate", Some("permessage-deflate"));
        let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        check(both, Some(both));
        let bits = "permessage-deflate; server_max_window_bits=8; client_max_window_bits=9";
        check(bits, Some(bits));
        check(
            r#"permessage-deflate; server_max_window_bits="10""#,
            Some("permessage-deflate; server_max_window_bits=10"),
        );
    }

    #[test]
    fn the_server_declines_what_is_wrong_and_takes_the_next() {
        for bad in [
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=08",
            "client_max_window_bits=x",
            "server_no_context_takeover=1",
            "server_no_context_takeover; server_no_context_takeover",
            "unknown",
        ] {
            check(&format!("permessage-deflate; {bad}"), None);
            let next = format!("permessage-deflate; {bad}, permessage-deflate");
            check(&next, Some("permessage-deflate"));
        }
        check("permessage-bzip2", None);
        check("", None);
    }

    #[test]
    fn a_server_without_takeover_says_so() {
        let answer = choose("permessage-deflate", &DeflateConfig::default()).unwrap();
        let expected = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_client_is_told_of_its_window_only_if_it_offers() {
        let small = DeflateConfig {
            peer_window_bits_max: 10,
            ..DeflateConfig::with_takeover()
        };
        assert_eq!(
            choose("permessage-deflate", &small).unwrap(),
            "permessage-deflate"
        );
        let told = "permessage-deflate; client_max_window_bits=10";
        assert_eq!(
            choose("permessage-deflate; client_max_window_bits", &small).unwrap(),
            told
        );
    }

    #[test]
    fn headers_that_are_malformed() {
        for bad in ["a b", "a; =1", "a; b=", "a; b=\"c", ";", "a;;b", "a; b=c d"] {
            assert_eq!(parse_extensions(bad), None, "{bad}");
        }
        assert_eq!(parse_extensions("a; b=\"x,y\""), None);
        assert_eq!(parse_extensions("a, , b").unwrap().len(), 2);
    }

    #[test]
    fn the_client_checks_the_answer() {
        let verify = |answer: &str, config: &DeflateConfig| {
            let extensions = parse_extensions(answer).unwrap();
            DeflateParams::verify(&extensions[0], config)
        };
        let plain = DeflateConfig::with_takeover();
        assert_eq!(offer(&plain), "permessage-deflate; client_max_window_bits");
        let params = verify("permessage-deflate; client_max_window_bits=9", &plain).unwrap();
        assert_eq!(
            (params.client_window_bits, params.server_window_bits),
            (9, 15)
        );
        for bad in [
            "client_max_window_bits",
            "server_max_window_bits=17",
            "x=1",
            "x",
        ] {
            assert!(
                verify(&format!("permessage-deflate; {bad}"), &plain).is_err(),
                "{bad}"
            );
        }
        let strict = DeflateConfig {
            peer_window_bits_max: 9,
            ..DeflateConfig::default()
        };
        assert!(offer(&strict).contains("server_max_window_bits=9"));
        assert!(verify("permessage-deflate", &strict).is_err());
        let good = "permessage-deflate; server_no_context_takeover; server_max_window_bits=9";
        assert!(verify(good, &strict).is_ok());
    }
}
