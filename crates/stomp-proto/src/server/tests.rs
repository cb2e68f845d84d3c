//! Tests of the session of a server.
