//! What holds for all input: what is written is read again, no octets make a decoder panic, and
//! where they are cut does not matter.

use proptest::prelude::*;

use gumboot_stomp_proto::{
    Command, Decoded, Decoder, ErrorKind, FrameWriter, Input, Limits, Tail, Version,
    command::encode_head,
};

/// A frame as plain values; a heart-beat is `None`.
type Plain = Option<(Command, Vec<(String, String)>, Vec<u8>)>;

/// What `pieces` give, and the error that ended it.
fn decode<'p>(
    version: Option<Version>,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<Plain>, Option<ErrorKind>) {
    let mut decoder = Decoder::new(Limits::before_login());
    if let Some(version) = version {
        decoder.set_version(version);
    }
    let mut found = Vec::new();
    for piece in pieces {
        let mut input = Input::new(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(decoded)) => found.push(plain(&decoded)),
                Ok(None) => break,
                Err(error) => return (found, Some(error.kind().clone())),
            }
        }
    }
    (found, None)
}

fn plain(decoded: &Decoded<'_>) -> Plain {
    let Decoded::Frame(frame) = decoded else {
        return None;
    };
    let headers = frame
        .headers()
        .map(|(name, value)| (name.into_owned(), value.into_owned()));
    Some((frame.command(), headers.collect(), frame.body().to_vec()))
}

fn version() -> impl Strategy<Value = Version> {
    proptest::sample::select(&Version::ALL)
}

/// Names and values as they mostly are, of every kind of octet that matters, and of any character.
fn text() -> impl Strategy<Value = String> {
    let plain = proptest::sample::select(&["a", "b", "é", "a b"]).prop_map(str::to_owned);
    prop_oneof![3 => plain, 1 => any_text()]
}

fn any_text() -> impl Strategy<Value = String> {
    let matters = proptest::sample::select(&['a', ':', '\\', '\n', '\r', ' ', 'c', 'n', 'r', 'é']);
    proptest::collection::vec(prop_oneof![4 => matters, 1 => any::<char>()], 0..8)
        .prop_map(String::from_iter)
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec((text(), text()), 0..12)
}

/// The headers that come back in `version`: those that it can carry, of each name the first.
fn carried(version: Version, headers: &[(String, String)]) -> Vec<(String, String)> {
    let mut carried: Vec<(String, String)> = Vec::new();
    for (name, value) in headers {
        let old = version == Version::V1_0;
        let nul = name.contains('\0') || value.contains('\0');
        let line = old && (name.contains(['\n', ':']) || value.contains('\n'));
        let repeated = carried.iter().any(|(other, _)| other == name);
        if !(name.is_empty() || nul || line || repeated) {
            carried.push((name.clone(), value.clone()));
        }
    }
    carried
}

/// What no reader of that version can tell: 1.0 pads with spaces, and before 1.2 there is no escape
/// for a carriage return that ends a line.
fn is_ambiguous(version: Version, (name, value): &(String, String)) -> bool {
    let padded = name.starts_with(' ') || value.starts_with(' ');
    let ends_in_cr = value.ends_with('\r');
    (version == Version::V1_0 && padded) || (version < Version::V1_2 && ends_in_cr)
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        version in version(),
        headers in headers(),
        body in proptest::collection::vec(any::<u8>(), 0..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut headers = headers;
        headers.retain(|header| !is_ambiguous(version, header));
        let mut out = Vec::new();
        let mut frame = FrameWriter::new(&mut out, Command::Send, version);
        for (name, value) in &headers {
            frame.header(name, value);
        }
        frame.body(&body);
        let mut expect = carried(version, &headers);
        if !body.is_empty() {
            expect.push(("content-length".to_owned(), body.len().to_string()));
        }
        let expect = vec![Some((Command::Send, expect, body))];
        let (head, tail) = out.split_at(cut.index(out.len()));
        prop_assert_eq!(decode(Some(version), [&out[..]]), (expect.clone(), None));
        prop_assert_eq!(decode(Some(version), [head, tail]), (expect, None));
    }

    #[test]
    fn a_message_reaches_receivers_of_every_version_as_it_was_sent(
        sender in version(),
        receiver in version(),
        headers in headers(),
        body in proptest::collection::vec(any::<u8>(), 0..40),
        is_cut in any::<bool>(),
    ) {
        let mut headers = headers;
        headers.retain(|header| !is_ambiguous(sender.min(receiver), header));
        headers.retain(|header| !is_ambiguous(Version::V1_0, header));
        let mut sent = Vec::new();
        let mut frame = FrameWriter::new(&mut sent, Command::Send, sender);
        for (name, value) in &headers {
            frame.header(name, value);
        }
        frame.body(&body);
        let mut decoder = Decoder::new(Limits::default());
        decoder.set_version(sender);
        let (first, last) = sent.split_at(if is_cut { sent.len() - 1 } else { 0 });
        prop_assert!(matches!(decoder.decode(&mut Input::new(first)), Ok(None)));
        let Ok(Some(Decoded::Frame(frame))) = decoder.decode(&mut Input::new(last)) else {
            return Err(TestCaseError::fail("what was sent is a frame"));
        };
        let mut out = Vec::new();
        encode_head(&mut out, receiver, Some("s"), "1", None, &[]);
        out.extend_from_slice(&Tail::from_send(&frame).bytes(receiver));
        let mut expect = vec![("subscription".to_owned(), "s".to_owned())];
        expect.push(("message-id".to_owned(), "1".to_owned()));
        expect.extend(carried(receiver, &carried(sender, &headers)));
        if !body.is_empty() {
            expect.push(("content-length".to_owned(), body.len().to_string()));
        }
        let expect = vec![Some((Command::Message, expect, body))];
        prop_assert_eq!(decode(Some(receiver), [&out[..]]), (expect, None));
    }

    #[test]
    fn where_octets_are_cut_does_not_matter(
        version in proptest::option::of(version()),
        parts in proptest::collection::vec(part(), 0..30),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let wire = parts.concat();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        cuts.sort_unstable();
        let edges = [0].into_iter().chain(cuts.clone()).zip(cuts.into_iter().chain([wire.len()]));
        let pieces = edges.map(|(start, end)| &wire[start..end]);
        let whole = decode(version, [&wire[..]]);
        prop_assert_eq!(decode(version, pieces), whole.clone());
        prop_assert_eq!(decode(version, wire.chunks(1)), whole);
    }
}

/// Parts of frames, so that random ones come close to being valid, and a few octets of any kind.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let parts: &'static [&'static [u8]] = &[
        b"SEND\n",
        b"CONNECT\n",
        b"ACK\r\n",
        b"MESSAGE\n",
        b"\n",
        b"\r\n",
        b"\0",
        b"\n\0",
        b"a:b\n",
        b"x\\c:\\n\n",
        b"bad\\",
        b":",
        b"content-length:3\n",
        b"content-length:",
        b"abc\0",
        b"\r",
        b"receipt:r\n",
        b"\xFF",
    ];
    prop_oneof![
        6 => proptest::sample::select(parts).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..5),
    ]
}
