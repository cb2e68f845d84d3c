//! The client against a server that a test plays frame by frame.

mod ends;
mod histories;
mod messages;
mod reconnects;
mod requests;
mod server;
mod transactions;
