//! Tests of the session of a client.
