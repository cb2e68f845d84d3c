//! Transactions: what is written, and how they end.

use gumboot_stomp::{Error, Outgoing};

use crate::server::{Server, soon};

#[tokio::test]
async fn a_scope_commits() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let scope = tokio::spawn(async move {
        session
            .transaction(async |transaction| {
                transaction.send(Outgoing::new("/queue/a", "1")).await?;
                transaction.send(Outgoing::new("/queue/a", "2")).await
            })
            .await
    });
    let name = peer.expect("BEGIN").await;
    let name = name.header("transaction").unwrap().into_owned();
    for body in [b"1", b"2"] {
        let frame = peer.expect("SEND").await;
        assert_eq!(frame.header("transaction").unwrap(), name);
        assert_eq!(frame.body(), body);
    }
    let commit = peer.expect("COMMIT").await;
    assert_eq!(commit.header("transaction").unwrap(), name);
    assert!(!scope.is_finished());
    peer.confirm(&commit).await;
    soon(scope).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_scope_that_fails_aborts() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let scope = tokio::spawn(async move {
        session
            .transaction(async |_| Err::<(), _>(Error::MessageStale))
            .await
    });
    peer.expect("BEGIN").await;
    peer.take("ABORT").await;
    let result = soon(scope).await.unwrap();
    assert!(matches!(result, Err(Error::MessageStale)), "{result:?}");
}

#[tokio::test]
async fn one_that_is_dropped_aborts() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let transaction = session.begin().await.unwrap();
    let begin = peer.expect("BEGIN").await;
    drop(transaction);
    let abort = peer.expect("ABORT").await;
    assert_eq!(abort.header("transaction"), begin.header("transaction"));
}

#[tokio::test]
async fn one_ends_with_its_connection() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let transaction = session.begin().await.unwrap();
    peer.expect("BEGIN").await;
    drop(peer);
    let _peer = server.take_in().await;
    let sent = soon(transaction.send(Outgoing::new("/queue/a", "1"))).await;
    assert!(matches!(sent, Err(Error::TransactionLost)), "{sent:?}");
    let committed = soon(transaction.commit()).await;
    assert!(
        matches!(committed, Err(Error::TransactionLost)),
        "{committed:?}"
    );
}

#[tokio::test]
async fn a_commit_that_is_not_confirmed_is_told_and_not_repeated() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let transaction = session.begin().await.unwrap();
    let committing = tokio::spawn(transaction.commit());
    peer.expect("BEGIN").await;
    peer.expect("COMMIT").await;
    drop(peer);
    let mut peer = server.take_in().await;
    let committed = soon(committing).await.unwrap();
    assert!(
        matches!(committed, Err(Error::Unconfirmed(_))),
        "{committed:?}"
    );
    session
        .send(Outgoing::new("/queue/a", "next"))
        .await
        .unwrap();
    assert_eq!(peer.expect("SEND").await.body(), b"next");
}
