//! The way to a server, and a server's end of it: TLS, HTTP/2, proxies, redirects, headers, waits; over sockets on
//! loopback, with certificates that are made for the test.

mod certificates;
mod direct;
mod http2;
mod proxies;
mod redirects;
mod requests;
mod server;
mod tls;
mod waits;
