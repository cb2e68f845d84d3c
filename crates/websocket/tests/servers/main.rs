//! The ways into a server that programs write: plain streams, a service on hyper, and with its feature axum; with the
//! limits and the drain that all of them share.

#[cfg(feature = "axum")]
mod axum;
mod drain;
mod examples;
mod handshake;
#[cfg(feature = "axum")]
mod http2;
mod hyper;
mod limits;
mod plain;
mod secure;
mod support;
