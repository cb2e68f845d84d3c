//! The TLS of the server of the cases: a certificate of its own for 127.0.0.1.

use std::{io, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio_rustls::TlsAcceptor;

/// A certificate with its key, and the root that signed it.
pub(crate) struct Certificate {
    root_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        Self::signed().expect("what is asked for is a certificate")
    }

    fn signed() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(["127.0.0.1".to_owned()])?;
        Ok(Self {
            root_pem: root.pem(),
            chain: vec![params.signed_by(&key, &root)?.into()],
            key: key.into(),
        })
    }

    /// What a client has to trust.
    #[allow(dead_code)] // Browsers are told to trust anything.
    pub(crate) fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// TLS that offers these protocols (RFC 7301).
    pub(super) fn acceptor(&self, alpn: &[&str]) -> io::Result<TlsAcceptor> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config = builder
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(io::Error::other)?;
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
