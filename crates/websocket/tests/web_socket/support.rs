//! What the tests of the object share.

use std::{future::Future, time::Duration};

use tokio::time::timeout;

use crate::server::{Certificate, Server, Transport};

/// The longest that anything may take.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(20);

/// Starts the server of the cases on this runtime, for `ws:`, and gives its host and port.
pub(crate) async fn test_server() -> String {
    let server = Server::bind(Transport::Ws, &Certificate::new()).await;
    let server = server.unwrap();
    let host = server.address.to_string();
    tokio::spawn(server.serve());
    host
}

/// What a future gives, which must not take long.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(WAIT_MAX, future).await.expect("it takes too long")
}
