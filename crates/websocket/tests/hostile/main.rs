//! Peers that mean harm, in both roles, over sockets on loopback: what they cost has a bound, and they are told.

mod never_reads;
mod support;
