//! The compressors that all connections of the process share.

use std::sync::{Arc, LazyLock};

use gumboot_websocket_proto::{Connection, DeflateParams, DeflatePool};

static POOL: LazyLock<Arc<DeflatePool>> = LazyLock::new(Arc::default);

/// `connection` with the compression that was agreed on, if any was.
pub(crate) fn agreed(connection: Connection, deflate: Option<&DeflateParams>) -> Connection {
    match deflate {
        Some(params) => connection.with_deflate(params, Arc::clone(&POOL)),
        None => connection,
    }
}
