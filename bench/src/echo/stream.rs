//! A connection: TCP, or TLS over it.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use crate::Failure;

/// How long a server may take for each step of a handshake.
const HANDSHAKE_STEP_MAX: Duration = Duration::from_secs(10);

/// The name in the certificate.
const NAME: &str = "localhost";

/// Makes connections to one server.
#[derive(Debug)]
pub(super) struct Connector {
    server: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

impl Connector {
    pub(super) fn new(server: SocketAddr, tls_ca: Option<&Path>) -> Result<Self, Failure> {
        let tls = tls_ca.map(trusting).transpose()?;
        Ok(Self { server, tls })
    }

    /// Connects, and waits for whatever is read and written until [`Stream::stop_waiting`].
    pub(super) fn connect(&self) -> Result<Stream, Failure> {
        let tcp = TcpStream::connect(self.server)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(HANDSHAKE_STEP_MAX))?;
        tcp.set_write_timeout(Some(HANDSHAKE_STEP_MAX))?;
        let Some(config) = &self.tls else {
            return Ok(Stream::Tcp(tcp));
        };
        let tls = ClientConnection::new(config.clone(), ServerName::try_from(NAME)?)?;
        Ok(Stream::Tls(Box::new(StreamOwned::new(tls, tcp))))
    }
}

fn trusting(certificate: &Path) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots);
    Ok(Arc::new(config.with_no_client_auth()))
}

#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tcp(tcp) => tcp,
            Self::Tls(tls) => &tls.sock,
        }
    }

    /// From now on, what cannot be done at once is not done.
    pub(super) fn stop_waiting(&self) -> io::Result<()> {
        self.tcp().set_nonblocking(true)
    }

    /// Whether a read that did not fill its buffer has taken all that there was.
    pub(super) fn gives_all(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp().as_fd()
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.read(buf),
            Self::Tls(tls) => tls.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.write(buf),
            Self::Tls(tls) => tls.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(_) => Ok(()),
            Self::Tls(tls) => tls.flush(),
        }
    }
}
