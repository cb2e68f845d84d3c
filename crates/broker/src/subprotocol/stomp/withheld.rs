//! Receipts of SENDs in transactions: they go out with COMMIT, since only then the messages are sent.

/// The receipts of the open transactions of a session, the oldest transaction first.
///
/// The broker aborts a transaction that is too old, and does not say so here. Since all may get equally old, the first
/// in the list is the first to be, and goes when there are more than there may be. What their receipts weigh counts in
/// the broker, which bounds it.
#[derive(Debug, Default)]
pub(super) struct Withheld {
    transactions: Vec<(Box<str>, Vec<Box<str>>)>,
}

impl Withheld {
    /// A transaction has begun; there may be so many at a time.
    pub(super) fn begin(&mut self, transaction: &str, max: usize) {
        self.take(transaction);
        if self.transactions.len() >= max {
            self.transactions.remove(0);
        }
        self.transactions.push((transaction.into(), Vec::new()));
    }

    /// A SEND in an open transaction wants a receipt.
    pub(super) fn push(&mut self, transaction: &str, receipt: &str) {
        let mut open = self.transactions.iter_mut();
        if let Some((_, receipts)) = open.find(|(open, _)| **open == *transaction) {
            receipts.push(receipt.into());
        }
    }

    /// The receipts of a transaction that is open no longer, in the order of the SENDs.
    pub(super) fn take(&mut self, transaction: &str) -> Vec<Box<str>> {
        let mut open = self.transactions.iter();
        let index = open.position(|(open, _)| **open == *transaction);
        index.map_or_else(Vec::new, |index| self.transactions.remove(index).1)
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
            withheld.push(transaction, receipt);
        }
        assert_eq!(withheld.take("a"), ["1".into(), "3".into()]);
        assert_eq!(withheld.take("a"), []);
        assert_eq!(withheld.take("c"), []);
        assert_eq!(withheld.take("b"), ["2".into()]);
    }

    #[test]
    fn what_is_left_of_an_old_one_goes() {
        let mut withheld = Withheld::default();
        for transaction in ["a", "b", "a"] {
            withheld.begin(transaction, 2);
            withheld.push(transaction, transaction);
        }
        assert_eq!(withheld.transactions.len(), 2);
        withheld.begin("c", 2);
        assert_eq!(withheld.take("b"), []);
        assert_eq!(withheld.take("a"), ["a".into()]);
    }
}
