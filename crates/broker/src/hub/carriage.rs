//! The bounds of a WebSocket that carries STOMP: before log-in tight, then so wide that it is STOMP which says what is too
//! long.

use std::sync::Arc;

use gumboot_stomp_proto::ServerOptions;
use gumboot_websocket::proto;

/// What is expected of a client that nobody knows yet: a CONNECT, which is short.
const MESSAGE_BYTES_BEFORE_LOGIN_MAX: u64 = 64 * 1024;

/// A frame that passes a bound of STOMP by so much is still read, so that an ERROR can say so, and which receipt it is
/// about. What is longer is refused by a Close.
const OVERSIZE_BYTES_MAX: u64 = 1024 * 1024;

/// What a WebSocket of STOMP may send.
#[derive(Debug)]
pub(crate) struct Carriage {
    pub(crate) before_login: Arc<proto::Config>,
    pub(crate) after_login: Arc<proto::Config>,
}

impl Carriage {
    pub(super) fn new(websocket: &proto::Config, stomp: &ServerOptions) -> Self {
        Self {
            before_login: Arc::new(before_login(websocket)),
            after_login: Arc::new(after_login(websocket, stomp)),
        }
    }
}

fn before_login(websocket: &proto::Config) -> proto::Config {
    let mut config = websocket.clone();
    let limits = &mut config.limits;
    for max in [
        &mut limits.frame_bytes_max,
        &mut limits.message_bytes_max,
        &mut limits.inflate_bytes_free,
    ] {
        *max = MESSAGE_BYTES_BEFORE_LOGIN_MAX.min(*max);
    }
    config
}

/// A WebSocket whose bound is below that of a body keeps it: whoever set it wants it.
fn after_login(websocket: &proto::Config, stomp: &ServerOptions) -> proto::Config {
    let mut config = websocket.clone();
    let body = u64::from(stomp.limits.body_bytes_max);
    let frame = body + u64::from(stomp.limits.headers_bytes_max) + OVERSIZE_BYTES_MAX;
    let limits = &mut config.limits;
    for max in [&mut limits.frame_bytes_max, &mut limits.message_bytes_max] {
        if *max >= body {
            *max = frame.max(*max);
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_as_long_as_it_may_be_fits_with_its_headers() {
        let (websocket, stomp) = (proto::Config::server(), ServerOptions::default());
        let carriage = Carriage::new(&websocket, &stomp);
        let max = carriage.after_login.limits.message_bytes_max;
        assert!(max > u64::from(stomp.limits.body_bytes_max + stomp.limits.headers_bytes_max));
        assert_eq!(carriage.before_login.limits.message_bytes_max, 65_536);
    }

    #[test]
    fn a_lower_bound_stays() {
        let mut websocket = proto::Config::server();
        websocket.limits.message_bytes_max = 1_000;
        let carriage = Carriage::new(&websocket, &ServerOptions::default());
        assert_eq!(carriage.after_login.limits.message_bytes_max, 1_000);
        assert_eq!(carriage.before_login.limits.message_bytes_max, 1_000);
    }
}
