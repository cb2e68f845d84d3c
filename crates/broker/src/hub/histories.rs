//! What histories need of a server: an epoch, and portions that fit into a mailbox.

use gumboot_broker_core::Epoch;

use crate::config::Config;

/// Completes what the broker is set up with. The epoch is that of the store; without one, each start is an epoch of its
/// own.
///
/// # Panics
/// If the operating system gives no random bytes.
pub(super) fn prepare(config: &mut Config) {
    if let Some(store) = &config.store {
        config.broker.epoch = Epoch(store.epoch().0);
    }
    let mailbox_bytes_max = config.mailbox_bytes_max;
    let broker = &mut config.broker;
    if broker.epoch == Epoch::default() {
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("the operating system gives random bytes");
        broker.epoch = Epoch(u64::from_ne_bytes(random));
    }
    // What is sent meanwhile has to fit beside it.
    let bytes_max = &mut broker.limits.replay_bytes_max;
    *bytes_max = (*bytes_max).min(mailbox_bytes_max / 2);
}
