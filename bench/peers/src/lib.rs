//! What the echo servers have in common: each listens on loopback, says where, and gives every connection a task.
//! `--tls CERTIFICATE KEY` on the command line has those that can speak TLS do so.

pub mod frames;

use std::{error::Error, net::TcpListener, sync::Arc};

use nix::{
    errno::Errno,
    sys::epoll::{Epoll, EpollEvent, EpollTimeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

pub type Failure = Box<dyn Error + Send + Sync>;

/// Listens on a free port and says which.
pub fn listen() -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    println!("listening {}", listener.local_addr()?);
    Ok(listener)
}

/// Waits, however long it takes, until there are events. Whoever counts the calls of a process interrupts it.
pub fn wait(epoll: &Epoll, events: &mut [EpollEvent]) -> Result<usize, Failure> {
    loop {
        match epoll.wait(events, EpollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            count => return Ok(count?),
        }
    }
}

/// Has a function serve every connection, for ever.
pub async fn serve<F>(serve_one: impl Fn(tokio::net::TcpStream) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listen()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let served = serve_one(stream);
        tokio::spawn(async move {
            // A client that just goes is no failure of the server.
            let _ = served.await;
        });
    }
}

/// What `--tls` says, if it is there.
pub fn tls() -> Result<Option<TlsAcceptor>, Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, flag, certificate, key] = &arguments[..] else {
        return Ok(None);
    };
    if flag != "--tls" {
        return Err(format!("what is {flag}?").into());
    }
    let chain = vec![CertificateDer::from_pem_file(certificate)?];
    let key = PrivateKeyDer::from_pem_file(key)?;
    let config = ServerConfig::builder().with_no_client_auth();
    Ok(Some(TlsAcceptor::from(Arc::new(
        config.with_single_cert(chain, key)?,
    ))))
}
