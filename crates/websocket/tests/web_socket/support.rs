//! What the tests of the object share.

use std::{future::Future, time::Duration};

use tokio::{net::TcpListener, time::timeout};

use crate::server;

/// The longest that anything may take.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(20);

/// Starts the server of the cases on this runtime, and gives its host and port.
pub(crate) async fn test_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(listener));
    address.to_string()
}

/// What a future gives, which must not take long.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(WAIT_MAX, future).await.expect("it takes too long")
}
