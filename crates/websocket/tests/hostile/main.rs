//! Peers that mean harm, in both roles, over sockets on loopback: what they cost has a bound, and they are told.

mod bombs;
mod floods;
mod never_reads;
mod phases;
mod streams;
mod support;
