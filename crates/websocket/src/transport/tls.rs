//! TLS of a client, with rustls: which servers are trusted, and as whom the client presents itself.

use std::{
    error, fmt, io,
    sync::{Arc, LazyLock},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{Error as PemError, PemObject},
    },
};
use tokio_rustls::{TlsConnector, TlsStream};

use crate::{stall::StallLimited, transport::Transport};

/// The protocols of ALPN (RFC 7301) for HTTP (RFC 9113 §3.2).
pub(crate) const ALPN_HTTP1: &[u8] = b"http/1.1";
pub(crate) const ALPN_HTTP2: &[u8] = b"h2";

/// Which servers a client trusts, and as whom it presents itself.
///
/// By default it trusts what the system trusts, and presents nothing.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let certificates = loopback::Certificates::new();
/// # let host = loopback::mutual_echo(&certificates).await;
/// # let root = certificates.root();
/// # let (certificate, key) = certificates.client();
/// use gumboot_websocket::{Client, TlsOptions};
///
/// let tls = TlsOptions::new()
///     .root_pem(root.as_bytes())? // trusts this root alone; see also `system_roots_too`
///     .identity_pem(certificate.as_bytes(), key.as_bytes())?; // for a server that asks who we are
/// let mut socket = Client::new().tls(tls).connect(&format!("wss://{host}/"), &[]).await?;
/// if let Some(agreed) = socket.transport().tls() {
///     println!("{:?}, {:?}", agreed.version, agreed.cipher_suite);
/// }
/// # assert!(socket.transport().tls().is_some());
/// socket.close(None).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct TlsOptions {
    /// In place of the system's, if there are any.
    roots: Vec<CertificateDer<'static>>,
    system_roots_too: bool,
    identity: Option<Identity>,
    accept_invalid_certs: bool,
}

/// A certificate with the ones that signed it, and its key.
#[derive(Clone)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

/// Certificates or keys that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidTls {
    /// A certificate that rustls does not take, and why.
    Certificate(String),
    /// A key that is of no known kind or does not belong to its certificate, and why.
    Key(String),
    /// No certificate is in what should hold one.
    NoCertificate,
    /// No private key is in what should hold one.
    NoKey,
    /// What should be PEM (RFC 7468) is not.
    Pem,
    /// The system has no root certificates.
    SystemRoots,
}

/// Why there is no TLS connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The server's certificate is not good, and why: the name, the issuer, the time.
    Certificate(rustls::CertificateError),
    /// Ours: the [`TlsOptions`] cannot be used.
    Options(InvalidTls),
    /// The server does not want us: its alert, such as one that asks for a client's certificate.
    Refused(rustls::AlertDescription),
    /// Anything else that TLS did not like, mostly a server that does not speak it.
    Tls(rustls::Error),
    /// The transport below failed.
    Transport(io::Error),
}

impl TlsOptions {
    /// What the system trusts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the certificates in `pem` (RFC 7468), in place of those of the system.
    ///
    /// # Errors
    /// [`InvalidTls`] if it is not PEM or has no certificate.
    pub fn root_pem(mut self, pem: &[u8]) -> Result<Self, InvalidTls> {
        self.roots.extend(certificates(pem)?);
        Ok(self)
    }

    /// Trusts a certificate in DER, in place of those of the system.
    #[must_use]
    pub fn root_der(mut self, der: Vec<u8>) -> Self {
        self.roots.push(der.into());
        self
    }

    /// Trusts what the system trusts beside one's own roots.
    #[must_use]
    pub fn system_roots_too(mut self) -> Self {
        self.system_roots_too = true;
        self
    }

    /// Presents a certificate, with those that signed it, and its key, both in PEM.
    ///
    /// # Errors
    /// [`InvalidTls`] if one is missing or is not PEM.
    pub fn identity_pem(mut self, chain: &[u8], key: &[u8]) -> Result<Self, InvalidTls> {
        self.identity = Some(Identity {
            chain: certificates(chain)?,
            key: Arc::new(private_key(key)?),
        });
        Ok(self)
    }

    /// Takes any certificate of any server: **whoever is in between can read and change everything**. For tools that
    /// look at servers of one's own.
    #[must_use]
    pub fn danger_accept_invalid_certs(mut self) -> Self {
        self.accept_invalid_certs = true;
        self
    }

    /// Without what it presents, for a server that it was not meant for.
    pub(crate) fn anonymous(&self) -> Self {
        Self {
            identity: None,
            ..self.clone()
        }
    }

    /// As rustls means it, with `alpn` to offer.
    pub(crate) fn config(&self, alpn: &[&[u8]]) -> Result<Arc<ClientConfig>, InvalidTls> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider has the suites of both versions");
        let builder = if self.accept_invalid_certs {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
        } else {
            builder.with_root_certificates(self.root_store()?)
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
                .map_err(|error| InvalidTls::Key(error.to_string()))?,
        };
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }

    fn root_store(&self) -> Result<Arc<RootCertStore>, InvalidTls> {
        if self.roots.is_empty() {
            return SYSTEM_ROOTS.clone().ok_or(InvalidTls::SystemRoots);
        }
        let mut store = RootCertStore::empty();
        if self.system_roots_too
            && let Some(system) = &*SYSTEM_ROOTS
        {
            store.roots.clone_from(&system.roots);
        }
        for root in &self.roots {
            let added = store.add(root.clone());
            added.map_err(|error| InvalidTls::Certificate(error.to_string()))?;
        }
        Ok(Arc::new(store))
    }
}

/// Read once, since that takes some milliseconds; `None` if there are none.
static SYSTEM_ROOTS: LazyLock<Option<Arc<RootCertStore>>> = LazyLock::new(|| {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    (!store.is_empty()).then(|| Arc::new(store))
});

/// The cryptography of both sides.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(ring::default_provider()));
    Arc::clone(&PROVIDER)
}

/// All certificates in a PEM text.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|_| InvalidTls::Pem)?;
    if all.is_empty() {
        return Err(InvalidTls::NoCertificate);
    }
    Ok(all)
}

/// The first private key in a PEM text.
pub(crate) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, InvalidTls> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        PemError::NoItemsFound => InvalidTls::NoKey,
        _ => InvalidTls::Pem,
    })
}

/// The TLS handshake of a client over `stream` with the server `host`.
pub(crate) async fn connect(
    config: Arc<ClientConfig>,
    host: &str,
    stream: Transport,
) -> Result<Transport, TlsError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned())
        .map_err(|_| TlsError::Certificate(rustls::CertificateError::NotValidForName))?;
    let connected = TlsConnector::from(config).connect(name, StallLimited::new(stream));
    Ok(Transport::secured(TlsStream::Client(connected.await?)))
}

impl From<io::Error> for TlsError {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<rustls::Error>() {
            Ok(error) => error,
            Err(error) => return Self::Transport(error),
        };
        match error {
            rustls::Error::InvalidCertificate(why) => Self::Certificate(why),
            rustls::Error::AlertReceived(alert) => Self::Refused(alert),
            error => Self::Tls(error),
        }
    }
}

/// Takes any certificate; the signatures of the handshake are still checked, so that it is at least one peer's.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("roots", &self.roots.len())
            .field("identity", &self.identity.is_some())
            .field("accept_invalid_certs", &self.accept_invalid_certs)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for InvalidTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(why) => write!(f, "the certificate cannot be used: {why}"),
            Self::Key(why) => write!(f, "the private key cannot be used: {why}"),
            Self::NoCertificate => f.write_str("there is no certificate in it"),
            Self::NoKey => f.write_str("there is no private key in it"),
            Self::Pem => f.write_str("it is not PEM"),
            Self::SystemRoots => f.write_str("the system has no root certificates"),
        }
    }
}

impl error::Error for InvalidTls {}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(why) => write!(f, "the server's certificate is not good: {why}"),
            Self::Options(why) => why.fmt(f),
            Self::Refused(alert) => write!(f, "the server refused TLS: {alert:?}"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Transport(error) => write!(f, "the transport failed during TLS: {error}"),
        }
    }
}

impl error::Error for TlsError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Certificate(_) | Self::Refused(_) => None,
            Self::Options(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::Transport(error) => Some(error),
        }
    }
}
