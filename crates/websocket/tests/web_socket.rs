//! The `WebSocket` object against a server with named behaviours, good and bad: the cases of `cases.json`, and what only
//! a Rust program can see of it.

#[path = "web_socket/cases.rs"]
mod cases;
#[path = "web_socket/handles.rs"]
mod handles;
#[path = "web_socket/hello.rs"]
mod hello;
#[path = "web_socket/listeners.rs"]
mod listeners;
#[path = "web_socket/log.rs"]
mod log;
#[path = "web_socket/pressure.rs"]
mod pressure;
#[path = "web_socket/script.rs"]
mod script;
#[path = "web_socket/server.rs"]
mod server;
#[path = "web_socket/support.rs"]
mod support;
