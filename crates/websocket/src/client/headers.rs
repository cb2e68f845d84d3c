//! What a program adds to the request of its handshake: headers, cookies, and who it is.

use std::{error, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, ORIGIN, TE, TRANSFER_ENCODING,
        UPGRADE, USER_AGENT,
    },
};

/// A header that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The name of a cookie, its value, a user's name or a token has a character that would end it too early.
    Character,
    /// This is not the name of a header.
    Name,
    /// The handshake itself says what this header is.
    Reserved,
    /// The value has a character that no header may have.
    Value,
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => "a character in it has a meaning of its own",
            Self::Name => "this is not the name of a header",
            Self::Reserved => "the handshake itself sets this header",
            Self::Value => "the value has a character that no header may have",
        })
    }
}

impl error::Error for InvalidHeader {}

/// A header as a program gives it.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), InvalidHeader> {
    let name = HeaderName::try_from(name).map_err(|_| InvalidHeader::Name)?;
    let reserved = [
        CONNECTION,
        CONTENT_LENGTH,
        HOST,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    if reserved.contains(&name) || name.as_str().starts_with("sec-websocket-") {
        return Err(InvalidHeader::Reserved);
    }
    let value = HeaderValue::try_from(value).map_err(|_| InvalidHeader::Value)?;
    Ok((name, value))
}

/// `Basic` (RFC 7617 §2).
pub(crate) fn basic(user: &str, password: &str) -> Result<HeaderValue, InvalidHeader> {
    if user.contains(':') {
        return Err(InvalidHeader::Character);
    }
    let login = STANDARD.encode(format!("{user}:{password}"));
    Ok(secret(format!("Basic {login}")).expect("base64 is a header value"))
}

/// `Bearer` (RFC 6750 §2.1).
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, InvalidHeader> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_good) {
        return Err(InvalidHeader::Character);
    }
    secret(format!("Bearer {token}"))
}

/// Adds a cookie to those that are there (RFC 6265 §4.2).
pub(crate) fn add_cookie(
    headers: &mut HeaderMap,
    name: &str,
    value: &str,
) -> Result<(), InvalidHeader> {
    let is_good = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    if !gumboot_websocket_proto::handshake::is_token(name) || !value.bytes().all(is_good) {
        return Err(InvalidHeader::Character);
    }
    let before = headers
        .get(COOKIE)
        .and_then(|cookies| cookies.to_str().ok());
    let cookies = match before {
        Some(before) => format!("{before}; {name}={value}"),
        None => format!("{name}={value}"),
    };
    headers.insert(COOKIE, secret(cookies)?);
    Ok(())
}

/// What another origin may be told too: nothing that a program gave for the first one.
pub(crate) fn for_another_origin(headers: &HeaderMap) -> HeaderMap {
    let kept = [ORIGIN, USER_AGENT];
    headers
        .iter()
        .filter(|(name, value)| kept.contains(name) && !value.is_sensitive())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Adds who the program is, unless that was said.
pub(crate) fn add_user(headers: &mut HeaderMap, user: Option<(String, String)>) {
    if let Some((user, password)) = user
        && !headers.contains_key(AUTHORIZATION)
        && let Ok(value) = basic(&user, &password)
    {
        headers.insert(AUTHORIZATION, value);
    }
}

/// A value that is not shown by `Debug`.
fn secret(value: String) -> Result<HeaderValue, InvalidHeader> {
    let mut value = HeaderValue::try_from(value).map_err(|_| InvalidHeader::Value)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_handshake_is_refused() {
        assert!(header("X-Key", "1").is_ok());
        for name in ["Host", "upgrade", "Sec-WebSocket-Key", "content-length"] {
            assert_eq!(header(name, "1"), Err(InvalidHeader::Reserved), "{name}");
        }
        assert_eq!(header("a b", "1"), Err(InvalidHeader::Name));
        assert_eq!(header("a", "1\r\nb: 2"), Err(InvalidHeader::Value));
    }

    #[test]
    fn logins() {
        // The example of RFC 7617 §2.
        let basic_value = basic("Aladdin", "open sesame").unwrap();
        assert_eq!(basic_value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(basic_value.is_sensitive());
        assert_eq!(basic("a:b", "c"), Err(InvalidHeader::Character));
        assert_eq!(bearer("mF_9.B5f-4.1JqM").unwrap(), "Bearer mF_9.B5f-4.1JqM");
        assert_eq!(bearer("a b"), Err(InvalidHeader::Character));
        assert_eq!(bearer(""), Err(InvalidHeader::Character));
    }

    #[test]
    fn cookies_are_one_header() {
        let mut headers = HeaderMap::new();
        add_cookie(&mut headers, "a", "1").unwrap();
        add_cookie(&mut headers, "b", "x=y").unwrap();
        assert_eq!(headers[COOKIE], "a=1; b=x=y");
        let refused = Err(InvalidHeader::Character);
        assert_eq!(add_cookie(&mut headers, "c", "1; d=2"), refused);
        assert_eq!(add_cookie(&mut headers, "c=", "1"), refused);
    }

    #[test]
    fn another_origin_is_told_no_secret() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer("t").unwrap());
        headers.insert("x-api-key", HeaderValue::from_static("k"));
        headers.insert(USER_AGENT, HeaderValue::from_static("u"));
        add_cookie(&mut headers, "a", "1").unwrap();
        let kept = for_another_origin(&headers);
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[USER_AGENT], "u");
    }
}
