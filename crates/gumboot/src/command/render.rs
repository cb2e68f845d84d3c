//! What peers send, made fit for a terminal: no control character of theirs reaches it, and long things are cut.

use std::fmt::Write;

use gumboot_websocket::proto::{CloseFrame, Message};

/// The bytes of a text that a terminal shows.
const TEXT_SHOWN_MAX: usize = 64 * 1024;

/// The bytes of a binary message that a terminal shows.
const BINARY_SHOWN_MAX: usize = 1024;

/// The bytes in a line of a hex dump.
const DUMP_WIDTH: usize = 16;

/// A text on one line.
pub(super) fn escaped(text: &str) -> String {
    escape(text, "\\n")
}

/// A text with its line ends; further lines begin with `indent`, so that none can be taken for ours.
pub(super) fn escaped_lines(text: &str, indent: &str) -> String {
    escape(text, &format!("\n{indent}"))
}

/// JSON that nothing harmful is left in: only strings can have it, and there an escape means the same.
pub(super) fn escaped_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for char in json.chars() {
        match is_harmful(char) {
            // None of them is beyond the first plane, where two escapes would be needed (RFC 8259 §7).
            true => drop(write!(safe, "\\u{:04x}", u32::from(char))),
            false => safe.push(char),
        }
    }
    safe
}

fn escape(text: &str, line_end: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' => safe.push_str(line_end),
            '\t' => safe.push('\t'),
            char if is_harmful(char) => safe.extend(char.escape_default()),
            char => safe.push(char),
        }
    }
    safe
}

/// Control characters of ASCII and Latin-1, and those that change the direction of what follows or stands before.
fn is_harmful(char: char) -> bool {
    let turns = matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || turns || matches!(char, '\u{2028}' | '\u{2029}')
}

/// A message as a terminal shows it, over as many lines as it takes; the further ones begin with `indent`.
pub(super) fn message(message: &Message, indent: &str) -> String {
    match message.as_text() {
        Some(shown) => text(shown, indent),
        None => dump(message.as_bytes(), indent),
    }
}

/// A text as a terminal shows it, up to a bound; further lines begin with `indent`.
pub(super) fn text(text: &str, indent: &str) -> String {
    let mut shown = TEXT_SHOWN_MAX.min(text.len());
    while !text.is_char_boundary(shown) {
        shown -= 1;
    }
    let mut safe = escaped_lines(&text[..shown], indent);
    if shown < text.len() {
        let _ = write!(safe, "\n{indent}... {} bytes in all", text.len());
    }
    safe
}

/// The length of a binary message, and a hex dump of its beginning.
pub(super) fn dump(bytes: &[u8], indent: &str) -> String {
    let plural = if bytes.len() == 1 { "" } else { "s" };
    let mut dump = format!("binary, {} byte{plural}", bytes.len());
    let shown = &bytes[..bytes.len().min(BINARY_SHOWN_MAX)];
    for (index, line) in shown.chunks(DUMP_WIDTH).enumerate() {
        let pairs: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let printable = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        let text: String = line.iter().map(printable).collect();
        let offset = index * DUMP_WIDTH;
        let pairs = pairs.join(" ");
        let _ = write!(dump, "\n{indent}{offset:08x}  {pairs:<47}  {text}");
    }
    if shown.len() < bytes.len() {
        let _ = write!(
            dump,
            "\n{indent}... {} bytes more",
            bytes.len() - shown.len()
        );
    }
    dump
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(
        String::with_capacity(2 * bytes.len()),
        |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        },
    )
}

/// The body of a Close, in words.
pub(super) fn close(frame: Option<&CloseFrame>) -> String {
    match frame {
        None => "without a code".to_owned(),
        Some(frame) if frame.reason().is_empty() => frame.code().to_string(),
        Some(frame) => format!("{} \"{}\"", frame.code(), escaped(frame.reason())),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use gumboot_websocket::proto::CloseCode;

    use super::*;

    #[test]
    fn nothing_of_a_peer_moves_the_cursor() {
        let nasty = "a\x1b[2Jb\u{9b}31mc\rd\x07e\x7f\u{202e}f\tg\nh";
        expect![[r"a\u{1b}[2Jb\u{9b}31mc\rd\u{7}e\u{7f}\u{202e}f	g\nh"]].assert_eq(&escaped(nasty));
        assert_eq!(escaped("grüße 🦀"), "grüße 🦀");
        assert_eq!(escaped_lines("a\nb\r\n", "  | "), "a\n  | b\\r\n  | ");
    }

    #[test]
    fn json_means_the_same_without_harm() {
        let text = "a\x1b[2J\u{7f}\u{9b}\u{61c}\u{202e}\u{2028}\u{2069}\n\"ü🦀";
        let json = escaped_json(&serde_json::Value::from(text).to_string());
        expect![[r#""a\u001b[2J\u007f\u009b\u061c\u202e\u2028\u2069\n\"ü🦀""#]].assert_eq(&json);
        let meant: String = serde_json::from_str(&json).unwrap();
        assert_eq!(meant, text);
    }

    #[test]
    fn binary_is_dumped_up_to_a_bound() {
        let bytes: Vec<u8> = (b'a'..=b'q').chain([0, 0xff]).collect();
        expect![[r"
            binary, 19 bytes
              00000000  61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70  abcdefghijklmnop
              00000010  71 00 ff                                         q.."]]
        .assert_eq(&message(&Message::binary(bytes), "  "));
        assert_eq!(message(&Message::binary(vec![]), ""), "binary, 0 bytes");
        let at_bound = message(&Message::binary(vec![0; BINARY_SHOWN_MAX]), "");
        assert!(!at_bound.contains("more"), "{at_bound}");
        let past_it = message(&Message::binary(vec![0; BINARY_SHOWN_MAX + 1]), "");
        assert!(past_it.ends_with("\n... 1 bytes more"), "{past_it}");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = "ü".repeat(TEXT_SHOWN_MAX / 2);
        assert_eq!(message(&Message::text(text.clone()), ""), text);
        let longer = message(&Message::text(format!("x{text}")), "");
        assert!(longer.ends_with("ü\n... 65537 bytes in all"));
    }

    #[test]
    fn closes() {
        let frame = |reason| CloseFrame::new(CloseCode::NORMAL, reason).unwrap();
        assert_eq!(close(None), "without a code");
        assert_eq!(close(Some(&frame(""))), "1000");
        assert_eq!(close(Some(&frame("\x1bc"))), r#"1000 "\u{1b}c""#);
        assert_eq!(hex(&[0, 0xab]), "00ab");
    }
}
