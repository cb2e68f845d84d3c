//! Receipts of SENDs in transactions: they go out with COMMIT, since only then the messages are sent.

use gumboot_store::Level;

use super::receipts::Wanted;

/// The receipts of the open transactions of a session, the oldest transaction first.
///
/// The broker aborts a transaction that is too old, and does not say so here. Since all may get equally old, the first
/// in the list is the first to be, and goes when there are more than there may be. What their receipts weigh counts in
/// the broker, which bounds it.
#[derive(Debug, Default)]
pub(super) struct Withheld {
    transactions: Vec<(Box<str>, Transaction)>,
}

/// What is known of a transaction.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// The receipts of its SENDs in their order, and what they wait for.
    pub(super) receipts: Vec<(Box<str>, Wanted)>,
    /// Whether it has a SEND that a store is to keep.
    pub(super) is_stored: bool,
}

impl Transaction {
    /// The highest level that a receipt waits for.
    pub(super) fn level(&self) -> Level {
        let levels = self.receipts.iter().map(|(_, wanted)| wanted.level);
        levels.max().unwrap_or(Level::Received)
    }
}

impl Withheld {
    /// A transaction has begun; there may be so many at a time.
    pub(super) fn begin(&mut self, transaction: &str, max: usize) {
        self.take(transaction);
        if self.transactions.len() >= max {
            self.transactions.remove(0);
        }
        let new = Transaction::default();
        self.transactions.push((transaction.into(), new));
    }

    /// A SEND in an open transaction wants a receipt.
    pub(super) fn push(&mut self, transaction: &str, receipt: &str, wanted: Wanted) {
        if let Some(open) = self.open(transaction) {
            open.receipts.push((receipt.into(), wanted));
        }
    }

    /// A store is to keep a SEND of an open transaction.
    pub(super) fn note_stored(&mut self, transaction: &str) {
        if let Some(open) = self.open(transaction) {
            open.is_stored = true;
        }
    }

    /// A transaction that is open no longer.
    pub(super) fn take(&mut self, transaction: &str) -> Transaction {
        let mut open = self.transactions.iter();
        let index = open.position(|(open, _)| **open == *transaction);
        index.map_or_else(Transaction::default, |index| {
            self.transactions.remove(index).1
        })
    }

    fn open(&mut self, transaction: &str) -> Option<&mut Transaction> {
        let mut open = self.transactions.iter_mut();
        let found = open.find(|(open, _)| **open == *transaction);
        found.map(|(_, open)| open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transaction_has_its_own() {
        let mut withheld = Withheld::default();
        withheld.begin("a", 2);
        withheld.begin("b", 2);
        for (transaction, receipt) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")] {
            withheld.push(transaction, receipt, Wanted::NOTHING);
        }
        withheld.note_stored("b");
        let mut take = |transaction| {
            let taken = withheld.take(transaction);
            let receipts = taken.receipts.into_iter().map(|(receipt, _)| receipt);
            (receipts.collect::<Vec<_>>(), taken.is_stored)
        };
        assert_eq!(take("a"), (vec!["1".into(), "3".into()], false));
        assert_eq!(take("a"), (vec![], false));
        assert_eq!(take("c"), (vec![], false));
        assert_eq!(take("b"), (vec!["2".into()], true));
    }

    #[test]
    fn what_is_left_of_an_old_one_goes() {
        let mut withheld = Withheld::default();
        for transaction in ["a", "b", "a"] {
            withheld.begin(transaction, 2);
            withheld.push(transaction, transaction, Wanted::NOTHING);
        }
        assert_eq!(withheld.transactions.len(), 2);
        withheld.begin("c", 2);
        assert_eq!(withheld.take("b").receipts, []);
        let kept = ("a".into(), Wanted::NOTHING);
        assert_eq!(withheld.take("a").receipts, [kept]);
    }
}
