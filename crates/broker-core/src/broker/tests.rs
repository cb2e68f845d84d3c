//! The broker against a model that is too simple to be wrong, and each refusal by itself.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

type Delivery = (SessionId, SubscriptionId, u32);

#[derive(Default)]
struct Log(Vec<Delivery>);

impl Output<u32> for Log {
    fn deliver(&mut self, to: SessionId, subscription: SubscriptionId, message: &u32) {
        self.0.push((to, subscription, *message));
    }
}

fn topic(name: u8) -> Destination {
    Destination::parse(&format!("/topic/{name}")).unwrap()
}

fn send(broker: &Broker, destination: &Destination, message: u32) -> BTreeSet<Delivery> {
    let mut log = Log::default();
    let count = broker.handle_send(destination, &message, &mut log).unwrap();
    assert_eq!(count, log.0.len());
    let set: BTreeSet<_> = log.0.iter().copied().collect();
    assert_eq!(set.len(), log.0.len(), "a subscriber got a message twice");
    set
}

fn broker(limits: Limits) -> Broker {
    let mut broker = Broker::new(limits);
    broker.handle_connect(SessionId(0)).unwrap();
    broker
}

#[test]
fn limits_at_and_one_past() {
    let limits = Limits {
        sessions_max: 1,
        subscriptions_per_session_max: 2,
        topics_max: 1,
    };
    let mut broker = broker(limits);
    assert_eq!(
        broker.handle_connect(SessionId(1)),
        Err(Refusal::SessionsFull)
    );
    let mut subscribe =
        |id, name| broker.handle_subscribe(SessionId(0), SubscriptionId(id), &topic(name));
    assert_eq!(subscribe(0, 0), Ok(()));
    assert_eq!(subscribe(1, 1), Err(Refusal::TopicsFull));
    assert_eq!(subscribe(1, 0), Ok(()));
    assert_eq!(subscribe(2, 0), Err(Refusal::SubscriptionsFull));
    assert_eq!(broker.subscription_count(), 2);
}

#[test]
fn ids_are_unique_in_a_session_and_known() {
    let mut broker = broker(Limits::default());
    let id = SubscriptionId(1);
    broker
        .handle_subscribe(SessionId(0), id, &topic(0))
        .unwrap();
    let again = broker.handle_subscribe(SessionId(0), id, &topic(1));
    assert_eq!(again, Err(Refusal::SubscriptionExists));
    broker.handle_unsubscribe(SessionId(0), id).unwrap();
    let again = broker.handle_unsubscribe(SessionId(0), id);
    assert_eq!(again, Err(Refusal::SubscriptionUnknown));
    assert_eq!(broker.topic_count(), 0);
}

#[test]
fn only_the_server_sends_to_its_own_destinations() {
    let mut broker = broker(Limits::default());
    let stats = Destination::parse("/topic/$SYS/stats").unwrap();
    broker
        .handle_subscribe(SessionId(0), SubscriptionId(0), &stats)
        .unwrap();
    let mut log = Log::default();
    assert_eq!(
        broker.handle_send(&stats, &1, &mut log),
        Err(Refusal::Reserved)
    );
    assert!(log.0.is_empty());
    assert_eq!(broker.publish(&stats, &2, &mut log), 1);
}

#[test]
fn the_most_subscribed_topics_come_first() {
    let mut broker = broker(Limits::default());
    // Topic 0 has one subscription, topic 1 two, and so on.
    let names = (0..24_u8).flat_map(|name| std::iter::repeat_n(name, usize::from(name) + 1));
    for (id, name) in names.enumerate() {
        let id = SubscriptionId(id as u32);
        broker
            .handle_subscribe(SessionId(0), id, &topic(name))
            .unwrap();
    }
    let most = broker.most_subscribed(3);
    let names: Vec<_> = most
        .iter()
        .map(|count| count.destination.as_str())
        .collect();
    assert_eq!(names, ["/topic/23", "/topic/22", "/topic/21"]);
    assert!(
        most.iter()
            .is_sorted_by_key(|count| Reverse(count.subscribers))
    );
    assert_eq!(broker.most_subscribed(1000).len(), broker.topic_count());
}

#[derive(Debug, Clone)]
enum Operation {
    Connect(usize),
    Disconnect(usize),
    Send(u8),
    Subscribe(usize, u32, u8),
    Unsubscribe(usize, u32),
}

fn operation() -> impl Strategy<Value = Operation> {
    let (session, id, name) = (0..5_usize, 0..6_u32, 0..3_u8);
    prop_oneof![
        session.clone().prop_map(Operation::Connect),
        session.clone().prop_map(Operation::Disconnect),
        name.clone().prop_map(Operation::Send),
        (session.clone(), id.clone(), name).prop_map(|(s, i, n)| Operation::Subscribe(s, i, n)),
        (session, id).prop_map(|(s, i)| Operation::Unsubscribe(s, i)),
    ]
}

/// Sessions, and for each the topic of each of its subscriptions.
type Model = BTreeMap<usize, BTreeMap<u32, u8>>;

fn apply(broker: &mut Broker, model: &mut Model, operation: &Operation, number: u32) {
    match *operation {
        Operation::Connect(session) => {
            model.entry(session).or_insert_with(|| {
                broker.handle_connect(SessionId(session)).unwrap();
                BTreeMap::new()
            });
        }
        Operation::Disconnect(session) => {
            broker.handle_disconnect(SessionId(session));
            model.remove(&session);
        }
        Operation::Send(name) => {
            let subscriptions = model.iter().flat_map(|(session, ids)| {
                let of_topic = ids.iter().filter(|(_, topic)| **topic == name);
                of_topic.map(|(id, _)| (SessionId(*session), SubscriptionId(*id), number))
            });
            assert_eq!(send(broker, &topic(name), number), subscriptions.collect());
        }
        Operation::Subscribe(session, id, name) => {
            let done =
                broker.handle_subscribe(SessionId(session), SubscriptionId(id), &topic(name));
            let ids = model.get_mut(&session);
            let expected =
                ids.is_some_and(|ids| !ids.contains_key(&id) && ids.insert(id, name).is_none());
            assert_eq!(done.is_ok(), expected);
        }
        Operation::Unsubscribe(session, id) => {
            let done = broker.handle_unsubscribe(SessionId(session), SubscriptionId(id));
            let expected = model.get_mut(&session).and_then(|ids| ids.remove(&id));
            assert_eq!(done.is_ok(), expected.is_some());
        }
    }
}

proptest! {
    #[test]
    fn does_what_the_model_does(operations in prop::collection::vec(operation(), 1..200)) {
        let mut broker = Broker::new(Limits::default());
        let mut model = Model::new();
        for (number, operation) in operations.iter().enumerate() {
            apply(&mut broker, &mut model, operation, number as u32);
            let subscriptions: usize = model.values().map(BTreeMap::len).sum();
            prop_assert_eq!(broker.subscription_count(), subscriptions);
            prop_assert_eq!(broker.session_count(), model.len());
            let by_topic: usize = broker.most_subscribed(9).iter().map(|topic| topic.subscribers).sum();
            prop_assert_eq!(by_topic, subscriptions);
        }
    }
}
