//! The closing handshake as a state table (RFC 6455 §7.1): small enough to print whole.
//!
//! The `readyState` of the HTML standard is a view of it. What a state means for sending and receiving stands in
//! `connection.rs`; here is only which state follows which.

/// Declares a state machine: an enum of its states, a method per event, and a table of every pair for the test below.
macro_rules! transitions {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$state_meta:meta])* $state:ident),+ $(,)?
    } $($(#[$event_meta:meta])* $event:ident($($($from:ident)|+ => $to:ident),+);)+) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$state_meta])* $state),+ }

        impl $name {
            $($(#[$event_meta])* pub(crate) fn $event(&mut self) -> bool {
                match self {
                    $($(Self::$from)|+ => { *self = Self::$to; true })+
                    #[allow(unreachable_patterns)]
                    _ => false,
                }
            })+

            /// Every state and what each event makes of it.
            #[cfg(test)]
            fn table() -> String {
                let mut table = String::new();
                for state in [$(Self::$state),+] {
                    $({
                        let mut next = state;
                        let taken = next.$event();
                        let to = if taken { format!("{next:?}") } else { "refused".to_owned() };
                        let from = format!("{state:?}");
                        table += &format!("{from:8}  {:20}  {to}\n", stringify!($event));
                    })+
                }
                table
            }
        }
    };
}

transitions! {
    /// How far the closing handshake has come.
    Closing {
        /// No Close has been sent or received.
        Open,
        /// Our Close was queued; the peer's is awaited.
        Sent,
        /// The peer's Close has arrived; ours is not queued yet.
        Received,
        /// The peer's Close has arrived and ours was queued; the transport still stands.
        Done,
        /// The transport ended after a complete closing handshake.
        Clean,
        /// The transport ended without one, or before our Close had left.
        Dropped,
    }
    /// Our Close was queued.
    on_close_sent(Open => Sent, Received => Done);
    /// The peer's Close arrived.
    on_close_received(Open => Received, Sent => Done);
    /// The transport ended, and everything had left.
    on_transport_closed(Open | Sent | Received => Dropped, Done => Clean);
    /// The transport ended, and something had not left; our Close is the last of it.
    on_transport_lost(Open | Sent | Received | Done => Dropped);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        expect_test::expect_file!["../states/closing.txt"].assert_eq(&Closing::table());
    }
}
