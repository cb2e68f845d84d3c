//! Transactions, by the model.

use crate::{
    commands::is_queue,
    model::{Lease, Message, Model, Operation, State, Transaction},
    setting::{
        AGE_MAX, OPERATIONS_MAX, TRANSACTION_BYTES_MAX, TRANSACTIONS_BYTES_MAX, TRANSACTIONS_MAX,
    },
};

impl Transaction {
    fn bytes(&self) -> usize {
        let operations = self.operations.iter();
        let bytes = operations.map(|operation| match operation {
            Operation::Send(_, sent) => sent.bytes,
            Operation::Decide(..) => 0,
        });
        bytes.sum()
    }
}

impl Model {
    pub(crate) fn begin(&mut self, id: usize, name: &str) -> bool {
        let deadline = self.now + AGE_MAX;
        let Some(session) = self.sessions.get_mut(&id) else {
            return false;
        };
        let exists = session.transactions.iter().any(|t| t.id == name);
        if exists || session.transactions.len() >= TRANSACTIONS_MAX {
            return false;
        }
        session.transactions.push(Transaction {
            id: name.to_owned(),
            deadline,
            operations: Vec::new(),
        });
        true
    }

    pub(crate) fn add(&mut self, id: usize, name: &str, operation: Operation, more: usize) -> bool {
        let fits_all = self.transactions_bytes() + more <= TRANSACTIONS_BYTES_MAX;
        let session = self.sessions.get_mut(&id).expect("the session is there");
        let Some(transaction) = session.transactions.iter_mut().find(|t| t.id == name) else {
            return false;
        };
        let fits = transaction.bytes() + more <= TRANSACTION_BYTES_MAX;
        let fits = fits && transaction.operations.len() < OPERATIONS_MAX && fits_all;
        if fits {
            transaction.operations.push(operation);
        }
        fits
    }

    /// The bytes of what all open transactions send.
    pub(crate) fn transactions_bytes(&self) -> usize {
        let open = self.sessions.values().flat_map(|s| &s.transactions);
        open.map(Transaction::bytes).sum()
    }

    fn take(&mut self, id: usize, name: &str) -> Option<Transaction> {
        let transactions = &mut self.sessions.get_mut(&id)?.transactions;
        let index = transactions.iter().position(|t| t.id == name)?;
        Some(transactions.remove(index))
    }

    pub(crate) fn commit(&mut self, id: usize, name: &str) -> bool {
        let Some(transaction) = self.take(id, name) else {
            return false;
        };
        let sends = transaction
            .operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Send(to, sent) => Some((to.clone(), sent.clone())),
                Operation::Decide(..) => None,
            });
        let sends: Vec<_> = sends.collect();
        if !self.admits(id, &sends) {
            self.undo(&transaction);
            return false;
        }
        for queues in [true, false] {
            for (to, sent) in sends.iter().filter(|(to, _)| is_queue(to) == queues) {
                self.deliver(id, to, sent);
            }
        }
        for operation in &transaction.operations {
            if let Operation::Decide(owner, which, verdict) = operation {
                let held = |m: &Message| m.lease().filter(|lease| lease.held == Some(*which));
                let leases = self.queues.iter().flat_map(|queue| queue.messages.iter());
                let mut held: Vec<Lease> = leases.filter_map(held).collect();
                held.sort_by_key(|lease| lease.number);
                let numbers: Vec<u64> = held.iter().map(|lease| lease.number).collect();
                self.decide(*owner, &numbers, *verdict);
            }
        }
        true
    }

    pub(crate) fn abort(&mut self, id: usize, name: &str) -> bool {
        let transaction = self.take(id, name);
        if let Some(transaction) = &transaction {
            self.undo(transaction);
        }
        transaction.is_some()
    }

    fn undo(&mut self, transaction: &Transaction) {
        for operation in &transaction.operations {
            if let Operation::Decide(_, which, _) = operation {
                for message in self.queues.iter_mut().flat_map(|queue| &mut queue.messages) {
                    if let State::Leased(lease) = &mut message.state
                        && lease.held == Some(*which)
                    {
                        lease.held = None;
                    }
                }
            }
        }
    }
}
