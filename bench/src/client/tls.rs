//! TLS with a server whose certificate is at hand.

use std::{net::TcpStream, path::Path, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use crate::Failure;

/// What all connections share.
pub(crate) fn config(certificate: &Path) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(certificate)? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// A stream that shakes hands when it is first written to.
pub(crate) fn stream(
    config: &Arc<ClientConfig>,
    stream: TcpStream,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Failure> {
    let name = ServerName::try_from("localhost")?;
    let connection = ClientConnection::new(config.clone(), name)?;
    Ok(StreamOwned::new(connection, stream))
}
