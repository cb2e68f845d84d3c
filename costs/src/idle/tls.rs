//! Clients of the echo over TLS, and the certificate that they trust.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use gumboot_testkit::{BINARY, MASK, WAIT_MAX, encode_frame, upgrade_request};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::CertificateDer,
    pki_types::ServerName,
};

use super::{Clients, MESSAGE_BYTES};
use crate::Failure;

const HOST: &str = "localhost";

/// A certificate for [`HOST`], in files for the server.
pub(super) struct Certificate {
    certificate: CertificateDer<'static>,
    certificate_path: PathBuf,
    key_path: PathBuf,
}

impl Certificate {
    /// Makes a new one, with its files in `folder`.
    pub(super) fn make(folder: &Path) -> Result<Self, Failure> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([HOST.to_owned()])?;
        let (certificate_path, key_path) = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&certificate_path, cert.pem())?;
        fs::write(&key_path, signing_key.serialize_pem())?;
        Ok(Self {
            certificate: cert.der().clone(),
            certificate_path,
            key_path,
        })
    }

    /// The flags of a server that has it.
    pub(super) fn give_to(&self, command: &mut Command) {
        command.arg("--tls-cert").arg(&self.certificate_path);
        command.arg("--tls-key").arg(&self.key_path);
    }

    /// Clients that trust it, and nothing else.
    pub(super) fn clients(&self, at: SocketAddr) -> Result<TlsEcho, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsEcho {
            at,
            config: Arc::new(config),
            streams: Vec::new(),
        })
    }
}

/// Each sends a message and gets it back.
pub(super) struct TlsEcho {
    at: SocketAddr,
    config: Arc<ClientConfig>,
    streams: Vec<StreamOwned<ClientConnection, TcpStream>>,
}

impl Clients for TlsEcho {
    fn open(&mut self) -> Result<(), Failure> {
        let tcp = TcpStream::connect_timeout(&self.at, WAIT_MAX)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(WAIT_MAX))?;
        let connection =
            ClientConnection::new(Arc::clone(&self.config), ServerName::try_from(HOST)?)?;
        let mut stream = StreamOwned::new(connection, tcp);
        stream.write_all(upgrade_request("/echo", &[]).as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(format!("no WebSocket: {}", String::from_utf8_lossy(&head)).into());
        }
        self.streams.push(stream);
        Ok(())
    }

    fn message(&mut self) -> Result<(), Failure> {
        let payload = [b'x'; MESSAGE_BYTES];
        let (wire, expected) = (
            encode_frame(BINARY, &payload, Some(MASK)),
            encode_frame(BINARY, &payload, None),
        );
        for stream in &mut self.streams {
            stream.write_all(&wire)?;
            let mut answer = vec![0; expected.len()];
            stream.read_exact(&mut answer)?;
            if answer != expected {
                return Err("the echo over TLS is not what was sent".into());
            }
        }
        Ok(())
    }
}
