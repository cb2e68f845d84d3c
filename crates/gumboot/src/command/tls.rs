//! The flags of TLS, which several subcommands have.

use std::path::PathBuf;

use gumboot_broker::{ServerTls, TlsFileError};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// What was typed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TlsArgs {
    /// Serve https and wss with this certificate and those that signed it, in PEM; read again at SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl TlsArgs {
    /// Reads the files, if there are any.
    pub(crate) fn read(&self) -> Result<Option<ServerTls>, TlsFileError> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => ServerTls::from_pem_files(certificate, key).map(Some),
            _ => Ok(None),
        }
    }
}

/// Reads the certificate and the key again at each SIGHUP.
pub(super) async fn reload_at_hangup(tls: ServerTls) {
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return warn!(%error, "cannot hear SIGHUP"),
    };
    while hangups.recv().await.is_some() {
        match tls.reload() {
            Ok(()) => info!("new connections get the certificate as it is now"),
            Err(error) => warn!(%error, "the certificate stays as it was"),
        }
    }
}
