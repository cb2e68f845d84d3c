//! Whose fault it is that there is no connection, or that it did not end in order.

use gumboot_websocket::{
    ConnectError, ConnectWait, LinkError, ProxyError, TlsError,
    proto::{Error as ProtocolError, Limit, handshake::client::HandshakeError},
};

/// Who has to change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// What is between the two, or nobody that can be named.
    Network,
    Proxy,
    Server,
    User,
}

impl Whose {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Proxy => "proxy",
            Self::Server => "server",
            Self::User => "user",
        }
    }
}

/// Who is to blame that there is no connection.
pub(super) fn not_connected(error: &ConnectError) -> Whose {
    match error {
        ConnectError::Handshake(_)
        | ConnectError::Http(_)
        | ConnectError::Redirect(_)
        | ConnectError::RetryAfter { .. } => Whose::Server,
        ConnectError::Protocol(_) | ConnectError::Url(_) => Whose::User,
        ConnectError::Proxy(ProxyError::Invalid(_)) => Whose::User,
        ConnectError::Proxy(_) | ConnectError::TimedOut(ConnectWait::Proxy) => Whose::Proxy,
        ConnectError::Tls(TlsError::Options(_)) => Whose::User,
        ConnectError::Tls(TlsError::Transport(_)) => Whose::Network,
        ConnectError::Tls(_) => Whose::Server,
        ConnectError::TimedOut(ConnectWait::Handshake | ConnectWait::Tls) => Whose::Server,
        _ => Whose::Network,
    }
}

/// Who is to blame that a connection did not end in order.
pub(super) fn not_clean(error: &LinkError) -> Whose {
    match error {
        // The limits that a flag sets.
        LinkError::Protocol(ProtocolError::LimitExceeded {
            limit: Limit::FrameBytes | Limit::MessageBytes,
            ..
        }) => Whose::User,
        LinkError::Io(_) => Whose::Network,
        _ => Whose::Server,
    }
}

/// The status of HTTP with which we were refused, if that is what happened.
pub(super) fn status(error: &ConnectError) -> Option<u16> {
    match error {
        ConnectError::Handshake(HandshakeError::Status(status))
        | ConnectError::Proxy(ProxyError::Status(status))
        | ConnectError::RetryAfter { status, .. } => Some(status.as_u16()),
        _ => None,
    }
}

/// What can be done about it, for the errors that have an obvious remedy.
pub(super) fn remedy(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Tls(_) => remedy_of_tls(error),
        ConnectError::Redirect(_) => " (--redirects N follows them)",
        ConnectError::Handshake(HandshakeError::Status(status)) => match status.as_u16() {
            401 => " (--user or --bearer says who you are)",
            403 => " (it may want another --origin)",
            301 | 302 | 303 | 307 | 308 => " (--redirects N follows it)",
            _ => "",
        },
        _ => "",
    }
}

/// As [`remedy`], for the errors of TLS alone.
pub(super) fn remedy_of_tls(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Tls(TlsError::Certificate(_)) => {
            " (--cacert names a certificate to trust, --insecure trusts any)"
        }
        _ => "",
    }
}

/// What can be done so that a connection does not end like that again, if there is an obvious remedy.
pub(super) fn remedy_not_clean(error: &LinkError) -> &'static str {
    let LinkError::Protocol(ProtocolError::LimitExceeded { limit, .. }) = error else {
        return "";
    };
    match limit {
        Limit::FrameBytes | Limit::MessageBytes => " (--max-message-bytes allows more)",
        Limit::InflateRatio => " (--no-compress offers no compression)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_the_users_if_a_flag_sets_it() {
        for (limit, whose, remedy) in [
            (Limit::FrameBytes, Whose::User, "--max-message-bytes"),
            (Limit::MessageBytes, Whose::User, "--max-message-bytes"),
            (Limit::InflateRatio, Whose::Server, "--no-compress"),
            (Limit::FragmentsPerMessage, Whose::Server, ""),
            (Limit::ControlFramesPerSecond, Whose::Server, ""),
        ] {
            let error = LinkError::Protocol(ProtocolError::LimitExceeded { limit, max: 1 });
            assert_eq!(not_clean(&error), whose, "{error}");
            let said = remedy_not_clean(&error);
            assert!(said.contains(remedy) && said.is_empty() == remedy.is_empty());
        }
    }
}
