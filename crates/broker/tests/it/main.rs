//! The broker as its clients see it: a server in this process, and sockets on loopback.

mod answers;
mod bad_connections;
mod carriage;
mod connect;
mod disconnect;
mod documents;
mod drain;
mod durable_failure;
mod durable_receipts;
mod durable_restart;
mod errors;
mod fan_out;
mod full;
mod give_back;
mod handshake;
mod heart_beat;
mod played_store;
mod publish;
mod queue_list;
mod slow_consumer;
mod subscribe;
mod support;
mod system;
mod tls;
mod users;
mod vectors;
