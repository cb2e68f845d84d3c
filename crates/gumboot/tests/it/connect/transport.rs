//! The way to the server: TLS, HTTP/2, proxies, Unix sockets.

use std::{
    fs,
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixListener,
    process::Command,
    thread,
};

use super::{echo, pipe};
use crate::tls::{Folder, url};

const WARNING: &str = "gumboot: WARNING: --insecure: the server's certificate is not checked, \
                       whoever is in between can read and change everything\n";

#[test]
fn tls_with_a_root_of_ones_own_or_with_none() {
    let folder = Folder::new("connect-tls");
    folder.certify();
    let program = folder.start(&["echo"]);
    let url = url(&program.line(), "echo");
    let root = folder.path("cert.pem");

    let trusting = pipe(&["--cacert", &root, &url], "hello\n");
    assert_eq!(
        (trusting.text(), trusting.status),
        ("hello\n", Some(0)),
        "{trusting:?}"
    );
    assert!(
        trusting
            .stderr
            .contains("http HTTP/1.1, tls TLSv1_3, TLS13_"),
        "{trusting:?}"
    );
    assert!(trusting.stderr.contains("ALPN http/1.1"), "{trusting:?}");

    let insecure = pipe(&["-q", "--insecure", &url], "hello\n");
    assert_eq!((insecure.text(), insecure.status), ("hello\n", Some(0)));
    assert_eq!(insecure.stderr, WARNING);

    // Another root than the server's.
    let other = Folder::new("connect-tls-other");
    other.certify();
    let strict = pipe(&["--cacert", &other.path("cert.pem"), &url], "hello\n");
    assert_eq!((strict.text(), strict.status), ("", Some(1)));
    let why = "gumboot: cannot connect (server): the server's certificate is not good: ";
    assert!(strict.stderr.starts_with(why), "{strict:?}");
    assert!(
        strict
            .stderr
            .contains("--cacert names a certificate to trust"),
        "{strict:?}"
    );
}

#[test]
fn http2_on_request() {
    let folder = Folder::new("connect-http2");
    folder.certify();
    let program = folder.start(&["echo"]);
    let url = url(&program.line(), "echo");
    let piped = pipe(
        &["--http2", "--cacert", &folder.path("cert.pem"), &url],
        "hello\n",
    );
    assert_eq!(
        (piped.text(), piped.status),
        ("hello\n", Some(0)),
        "{piped:?}"
    );
    let address = url.trim_start_matches("wss://").trim_end_matches('/');
    let negotiated = format!("address {address}, http HTTP/2, tls TLSv1_3, TLS13_");
    assert!(piped.stderr.contains(&negotiated), "{piped:?}");
    assert!(piped.stderr.contains("ALPN h2"), "{piped:?}");
}

/// Passes on what comes, both ways, until the target ends; then `end` is to end the client's side.
fn splice<S: Read + Write + Send + 'static>(
    mut here: S,
    mut here_too: S,
    to: &str,
    end: impl FnOnce(&S) -> io::Result<()>,
) {
    let mut there = TcpStream::connect(to).unwrap();
    let mut there_too = there.try_clone().unwrap();
    thread::spawn(move || {
        // It ends when either does.
        let _ = io::copy(&mut here_too, &mut there_too);
        let _ = there_too.shutdown(Shutdown::Write);
    });
    let _ = io::copy(&mut there, &mut here);
    let _ = end(&here);
}

#[test]
fn through_a_proxy() {
    let (_echo, url) = echo(&[]);
    let target = url
        .trim_start_matches("ws://")
        .trim_end_matches('/')
        .to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://me:secret@{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let clone = client.try_clone().unwrap();
        splice(client, clone, &target, |client| {
            client.shutdown(Shutdown::Both)
        });
        String::from_utf8(head).unwrap()
    });
    let piped = pipe(&["--proxy", &proxy, &url], "hello\n");
    assert_eq!(
        (piped.text(), piped.status),
        ("hello\n", Some(0)),
        "{piped:?}"
    );
    let (_, address) = proxy.split_once('@').unwrap();
    let said = format!("address {address} (the proxy's), http HTTP/1.1");
    assert!(piped.stderr.contains(&said), "{piped:?}");
    let head = asked.join().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("connect 127.0.0.1:"), "{head}");
    assert!(head.contains("proxy-authorization: basic "), "{head}");
}

#[test]
fn a_proxy_that_refuses_and_none_at_all() {
    let (_echo, url) = echo(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        // What was asked for does not matter.
        let _ = client.read(&mut [0; 1000]);
        let _ = client.write_all(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n");
    });
    let piped = pipe(&["--proxy", &proxy, &url], "hello\n");
    assert_eq!(piped.status, Some(1));
    assert!(
        piped
            .stderr
            .starts_with("gumboot: cannot connect (proxy): "),
        "{piped:?}"
    );
    assert!(piped.stderr.contains("407"), "{piped:?}");
    let direct = pipe(&["-q", "--proxy", "none", &url], "hello\n");
    assert_eq!(direct.text(), "hello\n");
}

#[test]
fn over_a_unix_socket() {
    let (_echo, url) = echo(&[]);
    let target = url
        .trim_start_matches("ws://")
        .trim_end_matches('/')
        .to_owned();
    let folder = Folder::new("connect-unix");
    let path = folder.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let clone = client.try_clone().unwrap();
        splice(client, clone, &target, |client| {
            client.shutdown(Shutdown::Both)
        });
    });
    let piped = pipe(&["--unix", &path, "ws://localhost/"], "hello\n");
    assert_eq!(
        (piped.text(), piped.status),
        ("hello\n", Some(0)),
        "{piped:?}"
    );
    assert!(piped.stderr.contains("address none"), "{piped:?}");
}

#[test]
fn what_has_to_be_typed_differently() {
    let folder = Folder::new("connect-usage");
    let empty = folder.path("empty.pem");
    fs::write(&empty, "").unwrap();
    for (arguments, line) in [
        (
            &["ftp://h/"][..],
            "cannot connect: the URL's scheme is neither ws nor wss",
        ),
        (&["ws://h/", "-p", "a b"], "cannot connect: "),
        (
            &["ws://h/", "-H", "x"],
            "--header 'x': there is no colon in it",
        ),
        (
            &["ws://h/", "-H", "Host: x"],
            "--header 'Host: x': the handshake itself sets this header",
        ),
        (&["ws://h/", "--proxy", "ftp://p"], "--proxy: "),
        (
            &["wss://h/", "--cacert", "/nowhere"],
            "cannot read /nowhere: No such file",
        ),
        (
            &["wss://h/", "--cacert", &empty],
            &format!("{empty}: there is no certificate"),
        ),
        (
            &["wss://h/", "--cert", &empty],
            "the following required arguments were not provided",
        ),
        (
            &["ws://h/", "--connect-timeout", "-1"],
            "unexpected argument",
        ),
        (
            &["ws://h/", "--connect-timeout", "0"],
            "invalid value '0' for '--connect-timeout",
        ),
        (
            &["ws://h/", "--connect-timeout", "x"],
            "invalid value 'x' for '--connect-timeout",
        ),
        (
            &["ws://h/", "--text", "--binary"],
            "the argument '--text' cannot be used with",
        ),
        (
            &[],
            "the following required arguments were not provided: <URL>",
        ),
    ] {
        let piped = pipe(arguments, "");
        assert_eq!(piped.status, Some(2), "{piped:?}");
        assert!(
            piped.stderr.starts_with(&format!("gumboot: {line}")),
            "{piped:?}"
        );
        assert_eq!(piped.stderr.lines().count(), 1, "{piped:?}");
        assert!(piped.stdout.is_empty());
    }
}

#[test]
fn help_has_examples() {
    let output = Command::new(env!("CARGO_BIN_EXE_gumboot"))
        .args(["connect", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for part in [
        "Examples:",
        "--json-input",
        "--max-message-bytes",
        "Exit status: 0",
    ] {
        assert!(help.contains(part), "no {part} in {help}");
    }
    assert_eq!(output.status.code(), Some(0));
}
