//! RECEIPTs that do not come: when each is given up, with pauses in the reading and without.

use super::*;
use crate::request::{Kind, Request};

const WAIT_MAX: Duration = Duration::from_secs(30);

const SECOND: Duration = Duration::from_secs(1);

fn ledger(now: Instant) -> Ledger {
    let shared = Arc::new(Shared::default());
    let mut ledger = Ledger::new(Limits::default(), WAIT_MAX, shared, Weak::new());
    ledger.on_connected(now, Version::V1_2, &mut |_| {});
    ledger
}

/// Asks for a RECEIPT; what is given is told how that came out.
fn ask(
    ledger: &mut Ledger,
    now: Instant,
    transaction: u64,
) -> tokio::sync::oneshot::Receiver<Result<(), Error>> {
    let (written, _waits) = tokio::sync::oneshot::channel();
    let (done, told) = tokio::sync::oneshot::channel();
    let request = Request {
        kind: Kind::Begin(transaction),
        written,
        receipt: Some(done),
    };
    ledger.on_request(now, request, &mut |_| {});
    told
}

#[test]
fn who_asked_first_is_given_up_first() {
    let start = Instant::now();
    let mut ledger = ledger(start);
    let mut told: Vec<_> = (0..3u32)
        .map(|n| ask(&mut ledger, start + n * SECOND, n.into()))
        .collect();
    assert_eq!(ledger.poll_timeout(), Some(start + WAIT_MAX));
    ledger.handle_timeout(start + WAIT_MAX + SECOND, &mut |_| {});
    assert!(matches!(
        told[0].try_recv(),
        Ok(Err(Error::ReceiptTimedOut(WAIT_MAX)))
    ));
    assert!(matches!(
        told[1].try_recv(),
        Ok(Err(Error::ReceiptTimedOut(WAIT_MAX)))
    ));
    assert!(told[2].try_recv().is_err());
    assert_eq!(ledger.poll_timeout(), Some(start + WAIT_MAX + 2 * SECOND));
}

#[test]
fn no_receipt_is_late_by_what_was_not_read() {
    let start = Instant::now();
    let mut ledger = ledger(start);
    let mut first = ask(&mut ledger, start, 1);
    ledger.set_reading(start + 10 * SECOND, false);
    let mut second = ask(&mut ledger, start + 15 * SECOND, 2);
    assert_eq!(ledger.poll_timeout(), None);
    ledger.handle_timeout(start + 100 * SECOND, &mut |_| {});
    assert!(first.try_recv().is_err());
    ledger.set_reading(start + 100 * SECOND, true);
    // Of its 30 seconds the first had used 10, and the second none.
    assert_eq!(ledger.poll_timeout(), Some(start + 120 * SECOND));
    ledger.handle_timeout(start + 120 * SECOND, &mut |_| {});
    assert!(first.try_recv().is_ok());
    assert!(second.try_recv().is_err());
    assert_eq!(ledger.poll_timeout(), Some(start + 130 * SECOND));
    ledger.handle_timeout(start + 130 * SECOND, &mut |_| {});
    assert!(second.try_recv().is_ok());
    assert_eq!(ledger.poll_timeout(), None);
}

#[test]
fn a_new_connection_begins_all_waits_anew() {
    let start = Instant::now();
    let mut ledger = ledger(start);
    ledger.set_reading(start, false);
    ledger.set_reading(start + 10 * SECOND, true);
    ledger.set_reading(start + 11 * SECOND, false);
    let again = start + 20 * SECOND;
    ledger.on_connected(again, Version::V1_2, &mut |_| {});
    let _told = ask(&mut ledger, again, 1);
    assert_eq!(ledger.poll_timeout(), Some(again + WAIT_MAX));
}
