//! Which failures another attempt may not meet again, and when a server wants to be asked again (RFC 9110 §10.2.3).

use std::time::{Duration, SystemTime};

use gumboot_websocket_proto::handshake::client::HandshakeError;
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};

use crate::{
    client::ConnectError,
    transport::{
        proxy::{ProxyError, SocksRefusal},
        tls::TlsError,
    },
};

impl ConnectError {
    /// Whether another attempt may succeed although nothing was changed: nobody answers, the name is not found, a wait
    /// is over, or the server refuses with 408, 425, 429 or 5xx. What is final is anything else: a URL, a certificate, a
    /// login, or a server that does not speak WebSocket.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Dns(_) | Self::Io(_) | Self::RetryAfter { .. } | Self::TimedOut(_) => true,
            Self::Handshake(HandshakeError::Status(status)) => is_temporary_status(*status),
            Self::Http(error) => !error.is_parse(),
            Self::Proxy(error) => is_temporary_proxy(error),
            Self::Tls(error) => is_temporary_tls(error),
            Self::Handshake(_) | Self::Protocol(_) | Self::Redirect(_) | Self::Url(_) => false,
        }
    }

    /// How long the server wants to be left alone, if it says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RetryAfter { wait, .. } => Some(*wait),
            _ => None,
        }
    }

    /// The failure of a handshake, with what the server says about the next one.
    pub(crate) fn refused(error: HandshakeError, headers: &HeaderMap) -> Self {
        match error {
            HandshakeError::Status(status) if is_temporary_status(status) => {
                match retry_after(headers, SystemTime::now()) {
                    Some(wait) => Self::RetryAfter { status, wait },
                    None => Self::Handshake(error),
                }
            }
            _ => Self::Handshake(error),
        }
    }
}

fn is_temporary_status(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

fn is_temporary_proxy(error: &ProxyError) -> bool {
    match error {
        ProxyError::Http(error) => !error.is_parse(),
        ProxyError::Io(_) => true,
        // RFC 1928 §6: its rules do not change by asking again, nor do the commands that it knows.
        ProxyError::Socks(SocksRefusal::Reply(reply)) => !matches!(reply, 2 | 7 | 8),
        ProxyError::Status(status) => is_temporary_status(*status),
        ProxyError::Tls(error) => is_temporary_tls(error),
        ProxyError::Invalid(_) | ProxyError::Socks(_) | ProxyError::Violation(_) => false,
    }
}

fn is_temporary_tls(error: &TlsError) -> bool {
    matches!(error, TlsError::Transport(_))
}

/// `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than fits is as good as forever.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::{ConnectWait, InvalidUrl, RedirectError};

    #[test]
    fn statuses() {
        let is_temporary = |code| {
            let status = StatusCode::from_u16(code).unwrap();
            ConnectError::Handshake(HandshakeError::Status(status)).is_temporary()
        };
        for code in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert!(is_temporary(code), "{code}");
        }
        for code in [200, 301, 307, 400, 401, 403, 404, 407, 426, 499] {
            assert!(!is_temporary(code), "{code}");
        }
    }

    #[test]
    fn other_failures() {
        let io = || io::Error::from(io::ErrorKind::ConnectionRefused);
        for temporary in [
            ConnectError::Dns(io()),
            ConnectError::Io(io()),
            ConnectError::TimedOut(ConnectWait::Tls),
            ConnectError::Proxy(ProxyError::Io(io())),
            ConnectError::Proxy(ProxyError::Status(StatusCode::BAD_GATEWAY)),
            ConnectError::Proxy(ProxyError::Socks(SocksRefusal::Reply(5))),
            ConnectError::Tls(TlsError::Transport(io())),
        ] {
            assert!(temporary.is_temporary(), "{temporary:?}");
        }
        let certificate = rustls::CertificateError::Expired;
        for last in [
            ConnectError::Handshake(HandshakeError::Accept),
            ConnectError::Proxy(ProxyError::Socks(SocksRefusal::Login)),
            ConnectError::Proxy(ProxyError::Socks(SocksRefusal::Reply(2))),
            ConnectError::Proxy(ProxyError::Status(
                StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            )),
            ConnectError::Redirect(RedirectError::TooMany),
            ConnectError::Tls(TlsError::Certificate(certificate)),
            ConnectError::Url(InvalidUrl::Scheme),
        ] {
            assert!(!last.is_temporary(), "{last:?}");
        }
    }

    #[test]
    fn when_to_come_again() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("99999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:00 GMT", Some(23)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), expected, "{value}");
        }
    }

    #[test]
    fn only_what_is_temporary_is_to_be_asked_again() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "5".parse().unwrap());
        let refused = |status| ConnectError::refused(HandshakeError::Status(status), &headers);
        let busy = refused(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(busy.retry_after(), Some(Duration::from_secs(5)));
        let missing = refused(StatusCode::NOT_FOUND);
        assert_eq!(
            (missing.retry_after(), missing.is_temporary()),
            (None, false)
        );
    }
}
