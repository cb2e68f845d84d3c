//! A certificate for servers on loopback, which the tests of TLS trust; openssl makes it anew for each run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::context::{Context, Failure};
use crate::{install, process};

/// A certificate that signs itself, and its key; both files are PEM.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// Makes a certificate in `folder`.
pub(crate) fn make(cx: &Context, folder: &Path) -> Result<Certificate, Failure> {
    install::openssl(cx)?;
    fs::create_dir_all(folder)
        .map_err(|error| Failure::Broken(format!("cannot create {}: {error}", folder.display())))?;
    let made = Certificate {
        chain: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
    };
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-days", "2"]);
    openssl.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    openssl.args(["-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    // What may sign others may not be a server's own (RFC 5280 §4.2.1.9), as rustls has it.
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.arg("-out").arg(&made.chain);
    openssl.arg("-keyout").arg(&made.key);
    process::run_logged(cx, "openssl", &mut openssl)?;
    Ok(made)
}
