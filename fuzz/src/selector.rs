//! Selectors: any text is one or is refused, and one that is a selector can be asked about any message.

use std::{borrow::Cow, str};

use gumboot_broker_core::{Payload, Selector};

/// Each header has a part of the text as its value, so that it depends on the name.
#[derive(Clone)]
struct Echo<'a>(&'a str);

impl Payload for Echo<'_> {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = self.0.get(name.len()..);
        value.map(|value| value.chars().take(1000).collect())
    }
}

/// The bytes are a text.
pub fn selector(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match Selector::parse(text) {
        Ok(selector) => {
            let selected = selector.matches(&Echo(text));
            assert_eq!(selected, selector.matches(&Echo(text)));
        }
        Err(error) => assert!(error.position <= text.len()),
    }
}
