//! Listeners and handlers: who is called, in which order, and what one may do to the others.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use gumboot_websocket::{CloseEvent, EventType, WebSocket};

use crate::support::{soon, test_server};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn push(&self, line: &'static str) {
        self.0.lock().unwrap().push(line);
    }

    /// A function that logs.
    fn line<A, B>(&self, line: &'static str) -> impl FnMut(&A, &B) + Send + use<A, B> {
        let log = self.clone();
        move |_: &A, _: &B| log.push(line)
    }

    fn check(&self, expected: &[&str]) {
        assert_eq!(*self.0.lock().unwrap(), expected);
    }
}

async fn echo() -> WebSocket {
    let server = test_server().await;
    WebSocket::new(&format!("ws://{server}/echo"), []).unwrap()
}

#[tokio::test]
async fn they_are_called_in_the_order_in_which_they_were_attached() {
    let (ws, log) = (echo().await, Log::default());
    ws.add_event_listener(EventType::Open, log.line("first"));
    ws.set_onopen(log.line("replaced"));
    ws.add_event_listener(EventType::Open, log.line("last"));
    ws.set_onopen(log.line("handler"));
    ws.set_onerror(log.line("cleared"));
    ws.clear_handler(EventType::Error);
    ws.add_event_listener(EventType::Open, |ws, _| ws.close());
    soon(ws.closed()).await;
    log.check(&["first", "handler", "last"]);
}

#[tokio::test]
async fn one_that_was_removed_is_not_called() {
    let (ws, log) = (echo().await, Log::default());
    let never = ws.add_event_listener(EventType::Open, log.line("never"));
    assert!(ws.remove_event_listener(never));
    assert!(!ws.remove_event_listener(never));
    let later = Arc::new(Mutex::new(None));
    let known = Arc::clone(&later);
    ws.add_event_listener(EventType::Open, move |ws, _| {
        assert!(ws.remove_event_listener(known.lock().unwrap().unwrap()));
        ws.close();
    });
    let id = ws.add_event_listener(EventType::Open, log.line("removed by the other"));
    *later.lock().unwrap() = Some(id);
    soon(ws.closed()).await;
    log.check(&[]);
}

#[tokio::test]
async fn one_that_is_added_by_another_is_called_from_the_next_event_on() {
    let (ws, log) = (echo().await, Log::default());
    let added = log.clone();
    ws.set_onopen(move |ws, _| {
        ws.add_event_listener(EventType::Open, added.line("too late"));
        ws.add_event_listener(EventType::Close, added.line("in time"));
        ws.close();
    });
    soon(ws.closed()).await;
    log.check(&["in time"]);
}

#[tokio::test]
async fn one_may_replace_itself() {
    let (ws, log) = (echo().await, Log::default());
    let (old, new) = (log.clone(), log.clone());
    ws.set_onopen(|ws, _| {
        ws.send("a").unwrap();
        ws.send("b").unwrap();
    });
    ws.set_onmessage(move |ws, _| {
        old.push("old");
        let new = new.clone();
        ws.set_onmessage(move |ws, _| {
            new.push("new");
            ws.close();
        });
    });
    soon(ws.closed()).await;
    log.check(&["old", "new"]);
}

#[tokio::test]
async fn a_panic_does_not_reach_the_others() {
    let (ws, log) = (echo().await, Log::default());
    ws.set_onopen(|_, _| std::panic::resume_unwind(Box::new("a bug of the program")));
    ws.add_event_listener(EventType::Open, log.line("open"));
    ws.add_event_listener(EventType::Open, |ws, _| ws.close());
    ws.set_onclose(log.line("close"));
    assert_eq!(soon(ws.closed()).await, CloseEvent::new(true, 1005, ""));
    log.check(&["open", "close"]);
}

#[tokio::test]
async fn nothing_is_called_from_inside_a_method() {
    let ws = echo().await;
    let is_inside = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_inside);
    ws.set_onclose(move |_, _| assert!(!seen.load(Ordering::SeqCst)));
    ws.set_onopen(move |ws, _| {
        is_inside.store(true, Ordering::SeqCst);
        ws.send("a").unwrap();
        ws.close();
        is_inside.store(false, Ordering::SeqCst);
    });
    assert!(soon(ws.closed()).await.was_clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_that_are_attached_by_a_slow_thread_miss_nothing() {
    let (ws, log) = (echo().await, Log::default());
    // Attached first, so that an event would have somebody to go to; then this thread is busy while others connect.
    ws.set_onmessage(log.line("message"));
    let probe = WebSocket::new(ws.url(), []).unwrap();
    probe.set_onopen(|ws, _| ws.close());
    soon(probe.closed()).await;
    ws.set_onopen(log.line("open"));
    ws.add_event_listener(EventType::Open, |ws, _| ws.close());
    assert!(soon(ws.closed()).await.was_clean);
    log.check(&["open"]);
}
