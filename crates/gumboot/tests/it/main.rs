//! The program as its users run it: what it prints, how it serves, how it stops, what it says to mistakes, and how it
//! connects, as a pipe and in a terminal, publishes, subscribes and works on queues.

mod config;
mod connect;
mod disk;
mod durable;
mod echo;
mod full_disk;
mod mistakes;
mod piped;
mod program;
mod publish;
mod queue_directory;
mod queue_file;
mod queue_look;
mod queue_take;
mod raw_broker;
mod raw_server;
mod recovery;
mod recovery_killed;
mod serve;
mod stomp_client;
mod stop;
mod subscribe;
mod subscribe_end;
mod terminal;
mod tls;
