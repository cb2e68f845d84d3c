//! TLS as its operator sees it: the addresses, and a certificate that is replaced while clients are connected.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use gumboot_websocket::{Client, Proxy, Socket, TlsOptions};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::time::timeout;

use crate::program::{Program, address};

const WAIT_MAX: Duration = Duration::from_secs(20);

/// A folder with a certificate and its key, gone with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("gumboot-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a new certificate, and gives a client that trusts no other.
    pub(crate) fn certify(&self) -> Client {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        fs::write(Path::new(&self.path("cert.pem")), cert.pem()).unwrap();
        fs::write(self.path("key.pem"), signing_key.serialize_pem()).unwrap();
        let roots = TlsOptions::new().root_pem(cert.pem().as_bytes()).unwrap();
        Client::new().proxy(Proxy::none()).tls(roots)
    }

    /// Starts a command with the flags of TLS.
    pub(crate) fn start(&self, command: &[&str]) -> Program {
        let (certificate, key) = (self.path("cert.pem"), self.path("key.pem"));
        let flags = ["--listen", "127.0.0.1:0", "--tls-cert", &certificate];
        Program::start(&[command, &flags[..], &["--tls-key", &key]].concat())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn expect_echo(socket: &mut Socket) {
    socket.send("hello").await.unwrap();
    let message = timeout(WAIT_MAX, socket.receive()).await.unwrap();
    assert_eq!(message.unwrap().unwrap().as_text(), Some("hello"));
}

/// The URL at the end of a line that begins with `word`.
#[track_caller]
pub(crate) fn url(line: &str, word: &str) -> String {
    let rest = line.strip_prefix(word).unwrap_or_else(|| panic!("{line}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn what_serve_and_echo_print_is_secure_and_true() {
    let folder = Folder::new("print");
    let client = folder.certify();
    let serve = folder.start(&["serve", "--stomp-listen", "off"]);
    let lines = serve.print(4);
    assert!(url(&lines[1], "console").starts_with("https://127.0.0.1:"));
    let echo = folder.start(&["echo"]);
    for (url, protocols) in [
        (url(&lines[2], "websocket"), &["v12.stomp"][..]),
        (url(&lines[3], "echo"), &[]),
        (url(&echo.line(), "echo"), &[]),
    ] {
        assert!(url.starts_with("wss://127.0.0.1:"), "{url}");
        let socket = client.connect(&url, protocols).await.unwrap();
        assert_eq!(socket.protocol(), protocols.first().copied());
    }
}

#[tokio::test]
async fn stomp_over_tls_has_an_address_of_its_own() {
    let folder = Folder::new("stomps");
    let client = folder.certify();
    let off = ["--stomp-listen", "off"];
    let flags = [&["serve"][..], &off, &["--stomps-listen", "127.0.0.1:0"]].concat();
    let program = folder.start(&flags);
    let stomps = address(&program.print(5)[4], "stomps     ", "");
    let url = format!("stomps://{stomps}");
    let client = gumboot_stomp::Client::new(&url).unwrap().transport(client);
    let session = timeout(WAIT_MAX, client.connect()).await.unwrap().unwrap();
    session.disconnect().await.unwrap();
}

#[tokio::test]
async fn a_hangup_brings_the_new_certificate_to_new_clients() {
    let folder = Folder::new("hangup");
    let old = folder.certify();
    let program = folder.start(&["echo"]);
    let url = url(&program.line(), "echo");
    let mut before = old.connect(&url, &[]).await.unwrap();

    // One that cannot be used changes nothing.
    fs::write(folder.path("key.pem"), "no key").unwrap();
    program.signal("HUP");
    let mut still = old.connect(&url, &[]).await.unwrap();

    let new = folder.certify();
    program.signal("HUP");
    let start = Instant::now();
    let mut after = loop {
        match new.connect(&url, &[]).await {
            Ok(socket) => break socket,
            Err(error) => assert!(start.elapsed() < WAIT_MAX, "{error}"),
        }
    };
    for socket in [&mut before, &mut still, &mut after] {
        expect_echo(socket).await;
    }
}
