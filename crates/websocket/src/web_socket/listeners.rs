//! The listeners of one object, in the order in which they were attached (DOM, `EventTarget`; HTML, "Event handlers").
//!
//! A listener runs outside of every lock: it is taken out of its place for the call and put back behind it, unless it
//! was removed or replaced meanwhile. What is removed is given to the caller to drop, also outside of every lock, since
//! it may own handles of the object.

use std::fmt;

use super::{
    WebSocket,
    event::{Event, EventType},
};

/// A program's function.
pub(super) type Callback = Box<dyn FnMut(&WebSocket, &Event) + Send>;

/// Names a listener, to remove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListenerId(u64);

struct Listener {
    id: ListenerId,
    event_type: EventType,
    /// Whether it is the one that `set_on…` replaces.
    is_handler: bool,
    /// `None` while it runs.
    callback: Option<Callback>,
}

/// All listeners.
#[derive(Default)]
pub(super) struct Listeners {
    last_id: u64,
    list: Vec<Listener>,
}

impl Listeners {
    /// Adds one behind the others.
    pub(super) fn add(&mut self, event_type: EventType, callback: Callback) -> ListenerId {
        self.push(event_type, false, callback)
    }

    /// Sets the one handler of a type: in its place, if there is one, else behind the others.
    pub(super) fn set_handler(
        &mut self,
        event_type: EventType,
        callback: Callback,
    ) -> Option<Callback> {
        let Some(place) = self.handler(event_type) else {
            self.push(event_type, true, callback);
            return None;
        };
        // Another id, so that an old function that runs just now is not put back over this one.
        let id = self.next_id();
        let listener = &mut self.list[place];
        listener.id = id;
        listener.callback.replace(callback)
    }

    /// Removes the handler of a type.
    pub(super) fn remove_handler(&mut self, event_type: EventType) -> Option<Callback> {
        let place = self.handler(event_type)?;
        self.list.remove(place).callback
    }

    /// Removes a listener; `None` if it is not there.
    pub(super) fn remove(&mut self, id: ListenerId) -> Option<Option<Callback>> {
        let is_it = |listener: &Listener| listener.id == id && !listener.is_handler;
        let place = self.list.iter().position(is_it)?;
        Some(self.list.remove(place).callback)
    }

    /// Removes all.
    pub(super) fn take_all(&mut self) -> impl Drop + use<> {
        std::mem::take(&mut self.list)
    }

    /// Whether there is one for any of these types.
    pub(super) fn any(&self, types: &[EventType]) -> bool {
        let mut list = self.list.iter();
        list.any(|listener| types.contains(&listener.event_type))
    }

    /// Those that an event of this type is for, as of now.
    pub(super) fn of(&self, event_type: EventType) -> Vec<ListenerId> {
        let list = self.list.iter();
        list.filter(|listener| listener.event_type == event_type)
            .map(|listener| listener.id)
            .collect()
    }

    /// Takes a function out for its call.
    pub(super) fn take(&mut self, id: ListenerId) -> Option<Callback> {
        self.find(id)?.callback.take()
    }

    /// Puts a function back; gives it to the caller if it was removed meanwhile.
    pub(super) fn put_back(&mut self, id: ListenerId, callback: Callback) -> Option<Callback> {
        match self.find(id) {
            Some(listener) => listener.callback.replace(callback),
            None => Some(callback),
        }
    }

    fn push(&mut self, event_type: EventType, is_handler: bool, callback: Callback) -> ListenerId {
        let id = self.next_id();
        self.list.push(Listener {
            id,
            event_type,
            is_handler,
            callback: Some(callback),
        });
        id
    }

    fn next_id(&mut self) -> ListenerId {
        self.last_id += 1;
        ListenerId(self.last_id)
    }

    fn find(&mut self, id: ListenerId) -> Option<&mut Listener> {
        self.list.iter_mut().find(|listener| listener.id == id)
    }

    fn handler(&self, event_type: EventType) -> Option<usize> {
        let mut list = self.list.iter();
        list.position(|listener| listener.is_handler && listener.event_type == event_type)
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types = self.list.iter().map(|listener| listener.event_type);
        f.debug_list().entries(types).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Callback {
        Box::new(|_, _| {})
    }

    #[test]
    fn a_handler_keeps_its_place_when_it_is_replaced() {
        let mut listeners = Listeners::default();
        listeners.set_handler(EventType::Open, nothing());
        let second = listeners.add(EventType::Open, nothing());
        assert!(listeners.set_handler(EventType::Open, nothing()).is_some());
        let order = listeners.of(EventType::Open);
        assert_eq!((order.len(), order[1]), (2, second));
        assert!(listeners.remove_handler(EventType::Open).is_some());
        listeners.set_handler(EventType::Open, nothing());
        assert_eq!(listeners.of(EventType::Open)[0], second);
    }

    #[test]
    fn what_was_removed_while_it_ran_is_not_put_back() {
        let mut listeners = Listeners::default();
        let id = listeners.add(EventType::Close, nothing());
        let running = listeners.take(id).unwrap();
        assert!(listeners.remove(id).unwrap().is_none());
        assert!(listeners.put_back(id, running).is_some());
        assert!(listeners.remove(id).is_none());
    }

    #[test]
    fn what_was_replaced_while_it_ran_is_not_put_back() {
        let mut listeners = Listeners::default();
        listeners.set_handler(EventType::Close, nothing());
        let id = listeners.of(EventType::Close)[0];
        let running = listeners.take(id).unwrap();
        listeners.set_handler(EventType::Close, nothing());
        assert!(listeners.put_back(id, running).is_some());
        assert!(listeners.any(&[EventType::Open, EventType::Close]));
    }
}
