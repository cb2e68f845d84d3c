//! `wss:`: whom a client trusts, whom a server lets in, and a certificate that is replaced.

use gumboot_websocket::{
    ConnectError, InvalidTls, TlsError, TlsOptions, TransportKind, connect, server::ServerTls,
};

use crate::{
    certificates::Root,
    server::{Server, client, expect_echo, soon},
};

/// The error of a connection to a server that is not trusted.
#[track_caller]
fn expect_tls<T: std::fmt::Debug>(result: Result<T, ConnectError>) -> TlsError {
    match result {
        Err(ConnectError::Tls(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_whose_root_is_trusted() {
    let root = Root::new();
    let server = Server::secure(root.server("localhost")).await;
    let client = client().tls(root.trusted());
    let mut socket = soon(client.connect(&server.wss("/"), &["chat"]))
        .await
        .unwrap();
    assert_eq!(socket.protocol(), Some("chat"));
    expect_echo(&mut socket, "hello").await;
    assert_eq!(socket.transport().kind(), TransportKind::Tls);
    let tls = socket.transport().tls().unwrap();
    assert_eq!(tls.version.as_deref(), Some("TLSv1_3"));
    assert_eq!(tls.alpn.as_deref(), Some("http/1.1"));
    assert_eq!(socket.transport().peer_addr(), Some(server.address));
    soon(socket.close(None)).await.unwrap();
}

#[tokio::test]
async fn https_is_wss_and_a_root_may_be_der() {
    let root = Root::new();
    let server = Server::secure(root.server("127.0.0.1")).await;
    let client = client().tls(TlsOptions::new().root_der(root.der()));
    let url = server.url("https", "127.0.0.1", "/");
    let mut socket = soon(client.connect(&url, &[])).await.unwrap();
    expect_echo(&mut socket, "hello").await;
}

#[tokio::test]
async fn a_large_message_over_tls() {
    let root = Root::new();
    let server = Server::secure(root.server("localhost")).await;
    let client = client().tls(root.trusted());
    let mut socket = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
    expect_echo(&mut socket, &"gumboot ".repeat(256 * 1024)).await;
    soon(socket.close(None)).await.unwrap();
}

#[tokio::test]
async fn an_unknown_root_is_refused() {
    let server = Server::secure(Root::new().server("localhost")).await;
    let client = client().tls(Root::new().trusted());
    let error = expect_tls(soon(client.connect(&server.wss("/"), &[])).await);
    assert!(matches!(error, TlsError::Certificate(_)), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
    // Nor does the system know it.
    let error = expect_tls(soon(connect(&server.wss("/"), &[])).await);
    let expected = matches!(
        error,
        TlsError::Certificate(_) | TlsError::Options(InvalidTls::SystemRoots)
    );
    assert!(expected, "{error:?}");
}

#[tokio::test]
async fn a_certificate_of_another_host_is_refused() {
    let root = Root::new();
    let server = Server::secure(root.server("example.com")).await;
    let trusting = client().tls(root.trusted());
    let error = expect_tls(soon(trusting.connect(&server.wss("/"), &[])).await);
    assert!(matches!(error, TlsError::Certificate(_)), "{error:?}");
}

#[tokio::test]
async fn a_tool_may_take_any_certificate() {
    let server = Server::secure(Root::new().server("example.com")).await;
    let client = client().tls(TlsOptions::new().danger_accept_invalid_certs());
    let mut socket = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
    expect_echo(&mut socket, "hello").await;
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_of_the_client() {
    let root = Root::new();
    let tls = root.server("localhost");
    let tls = tls.require_client_certificate(root.pem().as_bytes());
    let server = Server::secure(tls.unwrap()).await;
    let leaf = root.sign("client");
    let identity = root
        .trusted()
        .identity_pem(leaf.certificate.as_bytes(), leaf.key.as_bytes());
    let known = client().tls(identity.unwrap());
    let mut socket = soon(known.connect(&server.wss("/"), &[])).await.unwrap();
    expect_echo(&mut socket, "hello").await;

    let unknown = client().tls(root.trusted());
    // With TLS 1.3 the refusal comes behind the client's part of the handshake, in place of an answer.
    let refused = soon(unknown.connect(&server.wss("/"), &[]))
        .await
        .unwrap_err();
    let refused = match refused {
        ConnectError::Tls(TlsError::Refused(_)) => true,
        ConnectError::Http(error) => format!("{error:?}").contains("CertificateRequired"),
        _ => false,
    };
    assert!(refused);
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_with() {
    let server = Server::plain().await;
    let error = expect_tls(
        soon(
            client()
                .tls(Root::new().trusted())
                .connect(&server.wss("/"), &[]),
        )
        .await,
    );
    assert!(matches!(error, TlsError::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections() {
    let (old_root, new_root) = (Root::new(), Root::new());
    let tls = old_root.server("localhost");
    let server = Server::secure(tls.clone()).await;
    let old = client().tls(old_root.trusted());
    let new = client().tls(new_root.trusted());
    let mut before = soon(old.connect(&server.wss("/"), &[])).await.unwrap();

    let leaf = new_root.sign("localhost");
    let replaced = tls.replace(leaf.certificate.as_bytes(), leaf.key.as_bytes());
    replaced.unwrap();

    let mut after = soon(new.connect(&server.wss("/"), &[])).await.unwrap();
    expect_echo(&mut after, "new").await;
    expect_echo(&mut before, "old").await;
    // Without a session to resume.
    let unknown = client().tls(old_root.trusted());
    expect_tls(soon(unknown.connect(&server.wss("/"), &[])).await);
}

#[test]
fn files_are_read_again_and_a_bad_one_changes_nothing() {
    let root = Root::new();
    let folder = std::env::temp_dir().join(format!("gumboot-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let missing = ServerTls::from_pem_files(&certificate, &key).unwrap_err();
    assert!(missing.to_string().contains("cert.pem"), "{missing}");

    let leaf = root.sign("localhost");
    std::fs::write(&certificate, &leaf.certificate).unwrap();
    std::fs::write(&key, &leaf.key).unwrap();
    let tls = ServerTls::from_pem_files(&certificate, &key).unwrap();
    tls.reload().unwrap();
    std::fs::write(&key, root.sign("localhost").key).unwrap();
    let other_key = tls.reload().unwrap_err();
    assert!(other_key.to_string().contains("key.pem"), "{other_key}");
    std::fs::write(&certificate, "nothing").unwrap();
    let no_certificate = tls.reload().unwrap_err().to_string();
    assert!(no_certificate.contains("cert.pem"), "{no_certificate}");
    std::fs::remove_dir_all(&folder).unwrap();
}
