//! A message to be sent: where to, with which headers, and its body.

use std::borrow::Cow;

use bytes::Bytes;
use gumboot_stomp_proto::Version;

use crate::error::Error;

/// Headers of a SEND that the client sets itself, by what the program asks of it.
const OWN_HEADERS: &[&str] = &["destination", "transaction", "receipt", "content-length"];

/// A message to be sent.
///
/// ```
/// use gumboot_stomp::Outgoing;
///
/// let order = Outgoing::new("/queue/orders", r#"{"item":7}"#)
///     .header("content-type", "application/json")
///     .header("priority", "7");
/// assert_eq!(order.destination(), "/queue/orders");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    destination: String,
    headers: Vec<(Cow<'static, str>, String)>,
    body: Bytes,
}

impl Outgoing {
    /// A message to a destination, without headers.
    #[must_use]
    pub fn new(destination: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            destination: destination.into(),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Adds a header. For a text to be taken as such by every receiver, name its `content-type`. Of a repeated name, the
    /// first counts. One that cannot be sent is told by the sending.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Where it goes.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// About how many octets it is long.
    pub(crate) fn bytes(&self) -> usize {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| name.len() + value.len() + 2);
        self.destination.len() + self.body.len() + headers.sum::<usize>()
    }

    /// Refuses what a session of `version` cannot send.
    pub(crate) fn check(&self, version: Version) -> Result<(), Error> {
        check_headers(&self.headers, OWN_HEADERS, version)?;
        if !version.can_carry("destination", &self.destination) {
            return Err(Error::Header("destination".to_owned()));
        }
        Ok(())
    }

    /// Appends the SEND.
    pub(crate) fn encode(
        &self,
        out: &mut Vec<u8>,
        version: Version,
        transaction: Option<&str>,
        receipt: Option<&str>,
    ) {
        let send = gumboot_stomp_proto::command::Send {
            destination: self.destination.as_str().into(),
            transaction: transaction.map(Cow::from),
            receipt: receipt.map(Cow::from),
        };
        send.encode(out, version, &pairs(&self.headers), &self.body);
    }
}

/// Headers as the frames take them.
pub(crate) fn pairs<'h>(headers: &'h [(Cow<'static, str>, String)]) -> Vec<(&'h str, &'h str)> {
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.as_ref(), value.as_str()))
        .collect()
}

/// Refuses headers that are the client's own to set, or that the version cannot carry.
pub(crate) fn check_headers(
    headers: &[(Cow<'static, str>, String)],
    own: &[&str],
    version: Version,
) -> Result<(), Error> {
    let wrong = |(name, value): &&(Cow<'static, str>, String)| {
        own.contains(&name.as_ref()) || !version.can_carry(name, value)
    };
    match headers.iter().find(wrong) {
        Some((name, _)) => Err(Error::Header(name.clone().into_owned())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(name: &'static str, value: &str, version: Version) {
        let outgoing = Outgoing::new("/topic/a", "b").header(name, value);
        match outgoing.check(version) {
            Err(Error::Header(told)) => assert_eq!(told, name),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for name in OWN_HEADERS {
            refused(name, "a", Version::V1_2);
        }
        refused("", "a", Version::V1_2);
        refused("a", "b\0c", Version::V1_2);
        refused("a", "b\nc", Version::V1_0);
        let in_1_2 = Outgoing::new("/topic/a", "b").header("a:b", "c\nd");
        assert!(in_1_2.check(Version::V1_2).is_ok());
        let destination = Outgoing::new("/topic/a\nb", "").check(Version::V1_0);
        assert!(matches!(destination, Err(Error::Header(_))));
    }
}
