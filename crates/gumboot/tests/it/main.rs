//! The program as its users run it: what it prints, how it serves, how it stops, and what it says to mistakes.

mod echo;
mod mistakes;
mod program;
mod serve;
mod stop;
mod tls;
