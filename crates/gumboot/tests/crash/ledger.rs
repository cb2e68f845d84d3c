//! What was sent, confirmed, delivered and settled, as the clients know it; and whether the server kept its word.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    str::FromStr,
};

/// Where messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A queue whose messages are acknowledged one by one, or refused.
    Work,
    /// A queue whose messages are sent on: in a transaction, that acknowledges them too.
    Orders,
    /// A topic with a durable subscription.
    News,
}

impl Place {
    pub(crate) fn destination(self) -> &'static str {
        match self {
            Self::Work => "/queue/work",
            Self::Orders => "/queue/orders",
            Self::News => "/topic/news",
        }
    }
}

/// A message, by what it is called in its body and in the receipts about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) place: Place,
    pub(crate) producer: u32,
    pub(crate) number: u64,
}

/// Every so many messages one is long, so that stores keep it elsewhere.
const LONG_EVERY: u64 = 41;

impl Name {
    /// The body that belongs to this name.
    pub(crate) fn body(self) -> String {
        let length = if self.number.is_multiple_of(LONG_EVERY) {
            100_000
        } else {
            self.number * 7919 % 2000
        };
        let letter = char::from(b'a' + (self.number % 26) as u8);
        format!("{self}\n{}", letter.to_string().repeat(length as usize))
    }

    /// The name in a body, which is whole.
    pub(crate) fn of_body(body: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(body);
        let name: Self = text.lines().next().unwrap_or_default().parse()?;
        if name.body().as_bytes() == body {
            Ok(name)
        } else {
            Err(format!("the body of {name} was changed"))
        }
    }

    /// Whether consumers refuse it for good.
    pub(crate) fn is_poison(self) -> bool {
        self.number.is_multiple_of(13)
    }

    /// Whether consumers let it come again.
    pub(crate) fn comes_again(self) -> bool {
        !self.is_poison() && self.number.is_multiple_of(17)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Work => "work",
            Place::Orders => "orders",
            Place::News => "news",
        };
        write!(f, "{place} {} {}", self.producer, self.number)
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let mut words = text.split(' ');
            let place = match words.next()? {
                "work" => Place::Work,
                "orders" => Place::Orders,
                "news" => Place::News,
                _ => return None,
            };
            Some(Self {
                place,
                producer: words.next()?.parse().ok()?,
                number: words.next()?.parse().ok()?,
            })
        };
        parse().ok_or_else(|| format!("{text:?} is no message of ours"))
    }
}

/// What a consumer decides on a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has it.
    Taken,
    /// It is dead.
    Refused,
    /// It was sent on.
    Forwarded,
}

/// Where a message was found when all consumers were through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Where it was sent to.
    InPlace,
    /// Among the dead letters.
    Dead,
    /// Where it was sent on to.
    Done,
}

#[derive(Debug, Default)]
struct Message {
    is_confirmed: bool,
    /// The life of the server in which it was sent.
    sent_in: usize,
    /// The life of the server in which it was delivered last.
    delivered_in: Option<usize>,
    verdict: Option<Verdict>,
    is_verdict_confirmed: bool,
    /// How often it was asked to come again, and that was confirmed.
    returns: u32,
    in_place: u32,
    dead: u32,
    done: u32,
}

impl Message {
    fn was_seen(&self) -> bool {
        self.delivered_in.is_some() || self.in_place + self.dead + self.done > 0
    }

    /// Whether it outlived the server that it was sent to. One that did not may have been delivered all the same.
    fn has_survived(&self) -> bool {
        let came_later = self.delivered_in.is_some_and(|life| life > self.sent_in);
        came_later || self.is_verdict_confirmed || self.in_place + self.dead + self.done > 0
    }
}

/// What the clients know.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    messages: HashMap<Name, Message>,
    /// The next number of each producer.
    next: HashMap<(Place, u32), u64>,
    transactions: BTreeMap<u64, Transaction>,
    /// The last number that a consumer got of a producer, in one life of the server.
    order: HashMap<(usize, &'static str, Place, u32), u64>,
    faults: Vec<String>,
    /// How much has happened.
    pub(crate) events: u64,
}

#[derive(Debug, Default)]
struct Transaction {
    names: Vec<Name>,
    is_aborted: bool,
}

impl Ledger {
    /// A message is about to be sent.
    pub(crate) fn send(
        &mut self,
        life: usize,
        place: Place,
        producer: u32,
        transaction: Option<u64>,
    ) -> Name {
        let next = self.next.entry((place, producer)).or_default();
        let number = *next;
        *next += 1;
        let name = Name {
            place,
            producer,
            number,
        };
        let message = Message {
            sent_in: life,
            ..Message::default()
        };
        self.messages.insert(name, message);
        if let Some(id) = transaction {
            self.transactions.entry(id).or_default().names.push(name);
        }
        name
    }

    /// A number for a transaction that no other has.
    pub(crate) fn transaction(&mut self) -> u64 {
        let id = self.transactions.len() as u64;
        self.transactions.insert(id, Transaction::default());
        id
    }

    /// A transaction is about to be aborted.
    pub(crate) fn abort(&mut self, id: u64) {
        self.transactions.entry(id).or_default().is_aborted = true;
    }

    /// The RECEIPT of a SEND has come, with its level.
    pub(crate) fn confirm(&mut self, name: Name, asked: &str, reached: Option<&str>) {
        self.events += 1;
        self.check_level(&name.to_string(), asked, reached);
        self.message(name).is_confirmed = true;
    }

    /// The RECEIPT of a COMMIT has come.
    pub(crate) fn confirm_transaction(&mut self, id: u64, reached: Option<&str>) {
        self.events += 1;
        self.check_level(&format!("transaction {id}"), "synced", reached);
        let names = self.transactions.entry(id).or_default().names.clone();
        for name in names {
            self.message(name).is_confirmed = true;
        }
    }

    /// A MESSAGE has come to a consumer in a life of the server. In one that `ends_in_order`, the messages of the consumer
    /// that goes first come to the others, so their order says nothing.
    pub(crate) fn deliver(
        &mut self,
        life: usize,
        consumer: &'static str,
        name: Name,
        is_redelivered: bool,
        deliveries: u32,
        ends_in_order: bool,
    ) {
        self.events += 1;
        let Some(message) = self.messages.get_mut(&name) else {
            return self.fault(format!("{name} was never sent"));
        };
        let before = message.delivered_in.replace(life);
        let returns = message.returns;
        let is_settled = message.is_verdict_confirmed;
        if is_settled {
            self.fault(format!(
                "{name} came back though its consumer is done with it"
            ));
        }
        if before.is_some_and(|before| before < life) && !is_redelivered {
            self.fault(format!("{name} came again and does not say so"));
        }
        if deliveries <= returns {
            self.fault(format!(
                "{name} was returned {returns} times and says that it was delivered {deliveries} times"
            ));
        }
        let key = (life, consumer, name.place, name.producer);
        if !name.comes_again() && !ends_in_order {
            let last = self.order.insert(key, name.number);
            if last.is_some_and(|last| last >= name.number) {
                self.fault(format!("{name} came to {consumer} behind {last:?}"));
            }
        }
    }

    /// A consumer is about to decide on a message.
    pub(crate) fn decide(&mut self, name: Name, verdict: Verdict) {
        self.message(name).verdict = Some(verdict);
    }

    /// The RECEIPT of that has come.
    pub(crate) fn confirm_verdict(&mut self, name: Name, reached: Option<&str>) {
        self.events += 1;
        self.check_level(&format!("the verdict on {name}"), "synced", reached);
        self.message(name).is_verdict_confirmed = true;
    }

    /// The RECEIPT of a NACK has come that lets the message come again.
    pub(crate) fn confirm_return(&mut self, name: Name) {
        self.events += 1;
        self.message(name).returns += 1;
    }

    /// A message was found when all were through.
    pub(crate) fn find(&mut self, name: Name, found: Found) {
        let message = self.message(name);
        match found {
            Found::InPlace => message.in_place += 1,
            Found::Dead => message.dead += 1,
            Found::Done => message.done += 1,
        }
    }

    /// Something that must not be has happened.
    pub(crate) fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// What the server did wrong; for when all is through, and everything that is left was found.
    pub(crate) fn judge(mut self) -> Verdicts {
        let mut faults = std::mem::take(&mut self.faults);
        for (name, message) in &self.messages {
            if let Some(fault) = self.fault_of(*name, message) {
                faults.push(fault);
            }
        }
        for (id, transaction) in &self.transactions {
            faults.extend(self.fault_of_transaction(*id, transaction));
        }
        faults.sort();
        let confirmed = self.messages.values().filter(|m| m.is_confirmed).count();
        let settled = self.messages.values().filter(|m| m.is_verdict_confirmed);
        Verdicts {
            faults,
            sent: self.messages.len(),
            confirmed,
            settled: settled.count(),
            found: self.messages.values().filter(|m| m.in_place > 0).count(),
            dead: self.messages.values().filter(|m| m.dead > 0).count(),
            forwarded: self.messages.values().filter(|m| m.done > 0).count(),
        }
    }

    fn fault_of(&self, name: Name, message: &Message) -> Option<String> {
        let Message {
            in_place,
            dead,
            done,
            ..
        } = *message;
        if in_place + dead + done > 1 {
            return Some(format!(
                "{name} is there {in_place} times in its place, {dead} times dead, {done} times sent on"
            ));
        }
        if !message.is_confirmed {
            return None;
        }
        let is_there = match message.verdict {
            None if name.comes_again() => in_place + dead == 1,
            None => in_place == 1,
            Some(Verdict::Taken) => !message.is_verdict_confirmed || in_place + dead + done == 0,
            Some(Verdict::Refused) => in_place + dead == 1,
            Some(Verdict::Forwarded) => in_place + done == 1,
        };
        if is_there {
            None
        } else {
            Some(format!(
                "{name} was confirmed and is lost, or was taken and is there: {message:?}"
            ))
        }
    }

    fn fault_of_transaction(&self, id: u64, transaction: &Transaction) -> Option<String> {
        let names = &transaction.names;
        let count = |is: fn(&Message) -> bool| {
            let of = names.iter().filter(|name| is(&self.messages[*name]));
            of.count()
        };
        if transaction.is_aborted && count(Message::was_seen) > 0 {
            return Some(format!("transaction {id} was aborted and has happened"));
        }
        let survived = count(Message::has_survived);
        // What is not there may have been taken.
        let lost = count(|message| !message.has_survived() && message.verdict.is_none());
        if survived > 0 && lost > 0 {
            return Some(format!(
                "{survived} of transaction {id} outlived the server, {lost} did not"
            ));
        }
        None
    }

    fn check_level(&mut self, what: &str, asked: &str, reached: Option<&str>) {
        let rank = |level: &str| {
            ["received", "stored", "synced"]
                .iter()
                .position(|l| *l == level)
        };
        if reached.and_then(rank) < rank(asked) {
            self.fault(format!("{what} asked for {asked} and got {reached:?}"));
        }
    }

    #[track_caller]
    fn message(&mut self, name: Name) -> &mut Message {
        self.messages.get_mut(&name).expect("it was sent")
    }
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Verdicts {
    pub(crate) faults: Vec<String>,
    sent: usize,
    pub(crate) confirmed: usize,
    pub(crate) settled: usize,
    found: usize,
    pub(crate) dead: usize,
    pub(crate) forwarded: usize,
}

impl fmt::Display for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sent, {} confirmed, {} settled, {} left in place, {} dead, {} sent on, {} faults",
            self.sent,
            self.confirmed,
            self.settled,
            self.found,
            self.dead,
            self.forwarded,
            self.faults.len()
        )
    }
}
