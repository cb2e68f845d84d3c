//! What the peers promise and want of each other while idle (STOMP 1.2, Heart-beating).
//! When to send one and when to give the peer up is in `timers`.

use std::fmt;

use crate::error::ErrorKind;

/// The value of a `heart-beat` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeartBeat {
    /// The sender can send something at least this often; 0: it promises nothing.
    pub can_send_ms: u32,
    /// The sender wants to receive something at least this often; 0: it wants nothing.
    pub wants_ms: u32,
}

/// What two [`HeartBeat`]s agree on, seen from one side; 0: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Intervals {
    /// This side sends something at least this often.
    pub send_ms: u32,
    /// The peer sends something at least this often.
    pub receive_ms: u32,
}

impl HeartBeat {
    /// The greatest interval that a header may name: what the clients' 32-bit integers hold.
    pub const MS_MAX: u32 = i32::MAX as u32;

    /// Reads the value of a `heart-beat` header: two numbers, a comma between them, nothing else.
    ///
    /// # Errors
    /// [`ErrorKind::HeaderInvalid`].
    pub fn parse(value: &str) -> Result<Self, ErrorKind> {
        let parsed = value.split_once(',').and_then(|(can_send, wants)| {
            Some(Self {
                can_send_ms: number(can_send)?,
                wants_ms: number(wants)?,
            })
        });
        parsed.ok_or(ErrorKind::HeaderInvalid("heart-beat"))
    }

    /// Each direction beats at the slower of what one side can and the other wants, or not at all.
    #[must_use]
    pub fn negotiate(self, peer: Self) -> Intervals {
        Intervals {
            send_ms: slower(self.can_send_ms, peer.wants_ms),
            receive_ms: slower(peer.can_send_ms, self.wants_ms),
        }
    }
}

impl fmt::Display for HeartBeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.can_send_ms, self.wants_ms)
    }
}

fn number(digits: &str) -> Option<u32> {
    let all_digits = digits.bytes().all(|octet| octet.is_ascii_digit());
    digits
        .parse()
        .ok()
        .filter(|&ms| all_digits && ms <= HeartBeat::MS_MAX)
}

fn slower(can_send_ms: u32, wants_ms: u32) -> u32 {
    if can_send_ms == 0 || wants_ms == 0 {
        0
    } else {
        can_send_ms.max(wants_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: [u32; 4] = [0, 1, 500, 10_000];

    fn pairs() -> impl Iterator<Item = HeartBeat> {
        MS.into_iter().flat_map(|can_send_ms| {
            MS.into_iter().map(move |wants_ms| HeartBeat {
                can_send_ms,
                wants_ms,
            })
        })
    }

    #[test]
    fn every_pair_with_every_pair() {
        for (server, client) in pairs().flat_map(|server| pairs().map(move |c| (server, c))) {
            let sends = server.can_send_ms != 0 && client.wants_ms != 0;
            let receives = client.can_send_ms != 0 && server.wants_ms != 0;
            let expect = Intervals {
                send_ms: u32::from(sends) * server.can_send_ms.max(client.wants_ms),
                receive_ms: u32::from(receives) * client.can_send_ms.max(server.wants_ms),
            };
            assert_eq!(server.negotiate(client), expect);
            let Intervals {
                send_ms,
                receive_ms,
            } = client.negotiate(server);
            assert_eq!((send_ms, receive_ms), (expect.receive_ms, expect.send_ms));
        }
    }

    #[test]
    fn every_pair_is_read_as_it_is_written() {
        for pair in pairs() {
            assert_eq!(HeartBeat::parse(&pair.to_string()), Ok(pair));
        }
        assert!(HeartBeat::parse("2147483647,2147483647").is_ok());
    }

    #[test]
    fn malformed_values() {
        for value in [
            "",
            "10",
            ",",
            "1,",
            ",1",
            "a,b",
            "-1,0",
            "+1,0",
            "1,2,3",
            "1, 2",
            "1.5,0",
            "0x1,0",
            "2147483648,0",
            "99999999999999999999,0",
        ] {
            let error = Err(ErrorKind::HeaderInvalid("heart-beat"));
            assert_eq!(HeartBeat::parse(value), error, "{value}");
        }
    }
}
