//! Why a request is refused: what ERROR says, short and long.

use std::fmt::Display;

use gumboot_broker_core::Refusal;

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) title: &'static str,
    pub(super) detail: String,
}

impl Refused {
    pub(super) fn new(title: &'static str, detail: &dyn Display) -> Self {
        Self {
            title,
            detail: detail.to_string(),
        }
    }

    /// For a refusal of the broker, by what was asked for.
    pub(super) fn by_broker(title: &'static str) -> impl Fn(Refusal) -> Self {
        move |refusal| {
            let title = match refusal {
                Refusal::AccessDenied => "Access denied",
                Refusal::DeliveryUnknown => "Unknown message",
                _ => title,
            };
            Self::new(title, &refusal)
        }
    }

    /// For a header of the broker's own with a value that it cannot have.
    pub(super) fn header(name: &str, wanted: &str) -> Self {
        Self::new(
            "Invalid header",
            &format_args!("the header {name} {wanted}"),
        )
    }
}
