//! TCP to a host by whichever of its addresses answers first: happy eyeballs (RFC 8305).

use std::{collections::VecDeque, io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time::sleep,
};

/// How long an attempt has for itself until the next address is tried beside it (RFC 8305 §8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The addresses of one name that are tried at most.
const ADDRESSES_MAX: usize = 16;

/// The addresses of a host, in the order in which the system prefers them. A literal address needs no system.
pub(crate) async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    let addresses: Vec<_> = lookup_host((bare, port)).await?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        ));
    }
    Ok(addresses)
}

/// Connects to the first address that answers.
///
/// # Errors
/// The failure of the first address, when all have failed.
pub(crate) async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = VecDeque::from(interleaved(addresses));
    let mut attempts = JoinSet::new();
    let mut failure = None;
    loop {
        if let Some(address) = waiting.pop_front() {
            attempts.spawn(TcpStream::connect(address));
        }
        let next = async {
            match waiting.is_empty() {
                true => std::future::pending().await,
                false => sleep(ATTEMPT_DELAY).await,
            }
        };
        tokio::select! {
            ended = attempts.join_next() => match ended {
                Some(Ok(Ok(stream))) => {
                    // Small messages are not to wait for each other.
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Some(Ok(Err(error))) => drop(failure.get_or_insert(error)),
                Some(Err(_)) => {}
                None => {
                    let nothing = || io::Error::from(io::ErrorKind::AddrNotAvailable);
                    return Err(failure.unwrap_or_else(nothing));
                }
            },
            () = next => {}
        }
    }
}

/// The families take turns, the preferred one first (RFC 8305 §4).
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let (preferred, other): (Vec<_>, Vec<_>) = addresses
        .iter()
        .partition(|address| address.is_ipv6() == first.is_ipv6());
    let longest = preferred.len().max(other.len());
    (0..longest)
        .flat_map(|index| [preferred.get(index), other.get(index)])
        .flatten()
        .copied()
        .take(ADDRESSES_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter()
            .map(|address| address.parse().unwrap())
            .collect()
    }

    #[test]
    fn families_take_turns() {
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"]);
        let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"]);
        assert_eq!(interleaved(&given), expected);
        assert!(interleaved(&[]).is_empty());
        let many = vec![given[0]; ADDRESSES_MAX + 1];
        assert_eq!(interleaved(&many).len(), ADDRESSES_MAX);
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_hold_up_the_next() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let given = [closed.local_addr().unwrap(), listener.local_addr().unwrap()];
        drop(closed);
        let stream = connect(&given).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), given[1]);
        drop(listener);
        let refused = connect(&given).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn no_address_is_an_error() {
        let refused = connect(&[]).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[tokio::test]
    async fn a_literal_address_is_itself() {
        assert_eq!(
            resolve("[::1]", 80).await.unwrap(),
            addresses(&["[::1]:80"])
        );
        assert_eq!(
            resolve("127.0.0.1", 80).await.unwrap(),
            addresses(&["127.0.0.1:80"])
        );
    }
}
