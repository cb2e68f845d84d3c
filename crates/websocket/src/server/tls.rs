//! TLS of a server, with rustls: a certificate and its key, replaced while connections stand.

use std::{
    error, fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    RootCertStore, ServerConfig,
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsStream};

use crate::{
    stall::StallLimited,
    transport::{
        Transport,
        tls::{ALPN_HTTP1, ALPN_HTTP2, InvalidTls, certificates, private_key, provider},
    },
};

/// How long a client may take for the handshake of TLS.
pub const TLS_WAIT_MAX: Duration = Duration::from_secs(10);

/// The TLS of a server. Clones share the certificate.
#[derive(Clone)]
pub struct ServerTls {
    acceptor: TlsAcceptor,
    /// The same without HTTP/2.
    http1: TlsAcceptor,
    certificate: Arc<Certificate>,
    files: Option<Files>,
}

/// Where a certificate and its key are read from.
#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What new connections are shown.
struct Certificate(RwLock<Arc<CertifiedKey>>);

/// A file of a certificate or a key that cannot be used.
#[derive(Debug)]
pub struct TlsFileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: TlsFileReason,
}

/// Why a file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsFileReason {
    /// What is in it is no certificate, no key, or a key of another certificate.
    Invalid(InvalidTls),
    /// It cannot be read.
    Io(io::Error),
}

impl ServerTls {
    /// With a certificate, followed by those that signed it, and its key, both in PEM (RFC 7468). Clients are offered
    /// HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// [`InvalidTls`] if one of them is not what it should be, or they do not belong together.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, InvalidTls> {
        Self::new(certified(certificate, key)?, None)
    }

    /// The same from files, which [`ServerTls::reload`] reads again.
    ///
    /// # Errors
    /// [`TlsFileError`] names the file.
    pub fn from_pem_files(
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, TlsFileError> {
        let files = Files {
            certificate: certificate.as_ref().to_owned(),
            key: key.as_ref().to_owned(),
        };
        let certified = files.read()?;
        let key = files.key.clone();
        Self::new(certified, Some(files)).map_err(invalid(&key))
    }

    /// Lets in only clients with a certificate that one of the roots in `pem` signed.
    ///
    /// # Errors
    /// [`InvalidTls`] if there is no root in it.
    pub fn require_client_certificate(self, pem: &[u8]) -> Result<Self, InvalidTls> {
        let mut roots = RootCertStore::empty();
        for root in certificates(pem)? {
            let added = roots.add(root);
            added.map_err(|error| InvalidTls::Certificate(error.to_string()))?;
        }
        let config = config(&self.certificate, Some(roots))?;
        Ok(Self::of(config, self.certificate, self.files))
    }

    fn new(certified: CertifiedKey, files: Option<Files>) -> Result<Self, InvalidTls> {
        let certificate = Arc::new(Certificate(RwLock::new(Arc::new(certified))));
        let config = config(&certificate, None)?;
        Ok(Self::of(config, certificate, files))
    }

    fn of(mut config: ServerConfig, certificate: Arc<Certificate>, files: Option<Files>) -> Self {
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()];
        let mut http1 = config.clone();
        http1.alpn_protocols = vec![ALPN_HTTP1.to_vec()];
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            http1: TlsAcceptor::from(Arc::new(http1)),
            certificate,
            files,
        }
    }

    /// Reads the files again: connections from now on are shown what is in them. Those that stand are not touched, and
    /// after an error nothing changes. Without files, nothing is done.
    ///
    /// # Errors
    /// [`TlsFileError`] names the file.
    pub fn reload(&self) -> Result<(), TlsFileError> {
        if let Some(files) = &self.files {
            self.certificate.replace(files.read()?);
        }
        Ok(())
    }

    /// Shows connections from now on another certificate, as [`ServerTls::from_pem`] takes it.
    ///
    /// # Errors
    /// [`InvalidTls`]; nothing changes then.
    pub fn replace(&self, certificate: &[u8], key: &[u8]) -> Result<(), InvalidTls> {
        self.certificate.replace(certified(certificate, key)?);
        Ok(())
    }

    /// The handshake of TLS with a client, bounded by [`TLS_WAIT_MAX`].
    ///
    /// # Errors
    /// The client does not want TLS as we do, or took too long.
    pub async fn accept(&self, stream: impl Into<Transport>) -> io::Result<Transport> {
        handshake(&self.acceptor, stream.into()).await
    }

    /// The same for who does not speak HTTP/2: it is not offered.
    ///
    /// # Errors
    /// As [`ServerTls::accept`].
    pub async fn accept_http1(&self, stream: impl Into<Transport>) -> io::Result<Transport> {
        handshake(&self.http1, stream.into()).await
    }
}

async fn handshake(acceptor: &TlsAcceptor, stream: Transport) -> io::Result<Transport> {
    let stream = StallLimited::new(stream);
    let accepted = timeout(TLS_WAIT_MAX, acceptor.accept(stream)).await;
    let stream = accepted.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(Transport::secured(TlsStream::Server(stream)))
}

fn config(
    certificate: &Arc<Certificate>,
    client_roots: Option<RootCertStore>,
) -> Result<ServerConfig, InvalidTls> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of both versions");
    let builder = match client_roots {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
            let verifier = verifier.build();
            builder.with_client_cert_verifier(
                verifier.map_err(|error| InvalidTls::Certificate(error.to_string()))?,
            )
        }
    };
    Ok(builder.with_cert_resolver(Arc::<Certificate>::clone(certificate)))
}

fn certified(certificate: &[u8], key: &[u8]) -> Result<CertifiedKey, InvalidTls> {
    let (chain, key) = (certificates(certificate)?, private_key(key)?);
    CertifiedKey::from_der(chain, key, &provider())
        .map_err(|error| InvalidTls::Key(error.to_string()))
}

impl Files {
    fn read(&self) -> Result<CertifiedKey, TlsFileError> {
        let certificate = read(&self.certificate)?;
        let key = read(&self.key)?;
        certificates(&certificate).map_err(invalid(&self.certificate))?;
        certified(&certificate, &key).map_err(invalid(&self.key))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    std::fs::read(path).map_err(|error| TlsFileError {
        path: path.to_owned(),
        reason: TlsFileReason::Io(error),
    })
}

fn invalid(path: &Path) -> impl FnOnce(InvalidTls) -> TlsFileError {
    move |error| TlsFileError {
        path: path.to_owned(),
        reason: TlsFileReason::Invalid(error),
    }
}

impl Certificate {
    fn replace(&self, certified: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for TlsFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.reason {
            TlsFileReason::Invalid(error) => write!(f, "{path}: {error}"),
            TlsFileReason::Io(error) => write!(f, "cannot read {path}: {error}"),
        }
    }
}

impl error::Error for TlsFileError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.reason {
            TlsFileReason::Invalid(error) => Some(error),
            TlsFileReason::Io(error) => Some(error),
        }
    }
}
