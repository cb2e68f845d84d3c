//! The flags of TLS, which several subcommands have, and what SIGHUP does to it.

use std::{path::PathBuf, sync::Arc};

use gumboot_broker::{ServerTls, TlsFileError};
use tracing::{info, warn};

use super::Reload;
use crate::config::TlsFiles;

/// What was typed.
#[derive(Debug, Clone, Default, clap::Args)]
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
        let files = self.files();
        let tls = files.map(|files| ServerTls::from_pem_files(files.cert, files.key));
        tls.transpose()
    }

    /// The files, if there are any.
    pub(crate) fn files(&self) -> Option<TlsFiles> {
        let (cert, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { cert, key })
    }

    /// As if these had been typed.
    pub(crate) fn set(&mut self, cert: Option<PathBuf>, key: Option<PathBuf>) {
        (self.tls_cert, self.tls_key) = (cert, key);
    }
}

/// Reads only the certificate and the key again.
pub(super) fn reload(tls: ServerTls) -> Reload {
    Arc::new(move || match tls.reload() {
        Ok(()) => info!("new connections get the certificate as it is now"),
        Err(error) => warn!(%error, "the certificate stays as it was"),
    })
}
