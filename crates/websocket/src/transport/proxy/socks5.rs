//! A tunnel through a SOCKS proxy of version 5 (RFC 1928), with a user and a password if it wants them (RFC 1929).

use std::{error, fmt};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Host;

use crate::transport::{Transport, proxy::ProxyError};

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const COMMAND_CONNECT: u8 = 1;
const METHOD_NONE: u8 = 0;
const METHOD_LOGIN: u8 = 2;
const METHOD_REFUSED: u8 = 0xFF;
const ADDRESS_IPV4: u8 = 1;
const ADDRESS_NAME: u8 = 3;
const ADDRESS_IPV6: u8 = 4;

/// Why a SOCKS proxy refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksRefusal {
    /// The user or the password is wrong (RFC 1929 §2).
    Login,
    /// It wants a login, and there is none, or one of another kind (RFC 1928 §3).
    Method,
    /// The connection was not made: the reply (RFC 1928 §6), such as 2 for a rule that forbids it, 4 for a host that
    /// cannot be reached, 5 for one that refused.
    Reply(u8),
}

impl fmt::Display for SocksRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reply = match self {
            Self::Login => return f.write_str("the user or the password is wrong"),
            Self::Method => return f.write_str("it wants another login"),
            Self::Reply(reply) => reply,
        };
        f.write_str(match reply {
            1 => "it has failed",
            2 => "its rules do not allow this connection",
            3 => "the network cannot be reached",
            4 => "the host cannot be reached",
            5 => "the host refused the connection",
            6 => "the way to the host is too long",
            7 => "it does not know the command",
            8 => "it does not know addresses of this kind",
            reply => return write!(f, "reply {reply}"),
        })
    }
}

impl error::Error for SocksRefusal {}

pub(super) async fn tunnel(
    mut stream: Transport,
    host: &str,
    port: u16,
    login: Option<&(String, String)>,
) -> Result<Transport, ProxyError> {
    let methods: &[u8] = match login {
        None => &[VERSION, 1, METHOD_NONE],
        Some(_) => &[VERSION, 2, METHOD_NONE, METHOD_LOGIN],
    };
    stream.write_all(methods).await?;
    stream.flush().await?;
    let [version, method] = read(&mut stream).await?;
    expect_version(version)?;
    match (method, login) {
        (METHOD_NONE, _) => {}
        (METHOD_LOGIN, Some((user, password))) => log_in(&mut stream, user, password).await?,
        (METHOD_REFUSED, _) => return Err(ProxyError::Socks(SocksRefusal::Method)),
        _ => return Err(ProxyError::Violation("a method that was not offered")),
    }
    ask(&mut stream, host, port).await?;
    Ok(stream)
}

/// RFC 1929 §2
async fn log_in(stream: &mut Transport, user: &str, password: &str) -> Result<(), ProxyError> {
    let mut message = vec![LOGIN_VERSION];
    for text in [user, password] {
        let length = u8::try_from(text.len()).map_err(|_| SocksRefusal::Login);
        message.push(length.map_err(ProxyError::Socks)?);
        message.extend(text.as_bytes());
    }
    stream.write_all(&message).await?;
    stream.flush().await?;
    let [_, status] = read(stream).await?;
    if status != 0 {
        return Err(ProxyError::Socks(SocksRefusal::Login));
    }
    Ok(())
}

/// RFC 1928 §4, §6
async fn ask(stream: &mut Transport, host: &str, port: u16) -> Result<(), ProxyError> {
    let mut message = vec![VERSION, COMMAND_CONNECT, 0];
    message.extend(address(host)?);
    message.extend(port.to_be_bytes());
    stream.write_all(&message).await?;
    stream.flush().await?;
    let [version, reply, _, kind] = read(stream).await?;
    expect_version(version)?;
    if reply != 0 {
        return Err(ProxyError::Socks(SocksRefusal::Reply(reply)));
    }
    // Where the proxy connects from: of no use, but in the way.
    let length = match kind {
        ADDRESS_IPV4 => 4,
        ADDRESS_IPV6 => 16,
        ADDRESS_NAME => usize::from(read::<1>(stream).await?[0]),
        _ => return Err(ProxyError::Violation("an unknown kind of address")),
    };
    let mut bound = vec![0; length + 2];
    stream.read_exact(&mut bound).await?;
    Ok(())
}

fn address(host: &str) -> Result<Vec<u8>, ProxyError> {
    let too_long = || ProxyError::Violation("the name of the host is too long for it");
    let mut bytes = Vec::new();
    match Host::parse(host) {
        Ok(Host::Ipv4(address)) => {
            bytes.push(ADDRESS_IPV4);
            bytes.extend(address.octets());
        }
        Ok(Host::Ipv6(address)) => {
            bytes.push(ADDRESS_IPV6);
            bytes.extend(address.octets());
        }
        _ => {
            bytes.push(ADDRESS_NAME);
            bytes.push(u8::try_from(host.len()).map_err(|_| too_long())?);
            bytes.extend(host.as_bytes());
        }
    }
    Ok(bytes)
}

fn expect_version(version: u8) -> Result<(), ProxyError> {
    match version {
        VERSION => Ok(()),
        _ => Err(ProxyError::Violation("another version than 5")),
    }
}

async fn read<const N: usize>(stream: &mut Transport) -> Result<[u8; N], ProxyError> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
