//! The program as its users run it: what it prints, how it serves, how it stops, what it says to mistakes, and how it
//! connects, as a pipe and in a terminal.

mod connect;
mod echo;
mod mistakes;
mod program;
mod raw_server;
mod serve;
mod stomp_client;
mod stop;
mod terminal;
mod tls;
