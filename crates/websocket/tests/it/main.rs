//! WebSocket on tokio as programs and peers see it: `connect` and a small server, over sockets on loopback.

mod backpressure;
mod client_close;
mod client_compression;
mod client_faults;
mod client_handshake;
mod echo;
mod http_limits;
mod raw_server;
mod server_handshake;
mod support;
