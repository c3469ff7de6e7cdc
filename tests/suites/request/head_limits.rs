//! The limits of `parse_head`, exact at their edges. If a limit is off by one in only one of two places, a head is
//! valid or not depending on how it was split into packets.

use super::head::{shown, verdict};
use super::root::is_alone_or;
use request::{MAX_FIELDS, MAX_HEAD, MAX_REQUEST_LINE};
use verdict::test;

/// Where a student finds the rules.
const SEE: &str = "See \"1.2 Limits\".";

/// A head whose request line has exactly `length` bytes, without CR LF.
fn head_with_line(length: usize) -> Vec<u8> {
    let path = "a".repeat(length - "GET / HTTP/1.1".len());
    format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

/// A head of exactly `length` bytes, after `before`, which is not counted.
fn head_of(before: &str, length: usize) -> Vec<u8> {
    let filler = "a".repeat(length - "GET / HTTP/1.1\r\nX: \r\n\r\n".len());
    format!("{before}GET / HTTP/1.1\r\nX: {filler}\r\n\r\n").into_bytes()
}

fn head_with_fields(count: usize) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count)).into_bytes()
}

#[track_caller]
fn expect(expected: &str, bytes: &[u8], what: &str) {
    let found = verdict(bytes);
    assert_eq!(
        found,
        expected,
        "\nparse_head of {what}, \"{}\", should say \"{expected}\". {SEE}",
        shown(bytes)
    );
}

#[test]
fn a_request_line_may_be_as_long_as_the_limit_and_no_longer() {
    expect("complete", &head_with_line(MAX_REQUEST_LINE), "a request line of MAX_REQUEST_LINE bytes");
    expect("target too long", &head_with_line(MAX_REQUEST_LINE + 1), "a request line one byte longer");
    expect(
        "target too long",
        &head_with_line(2 * MAX_HEAD),
        "a request line longer than a whole head may be",
    );
    let letters = "\u{e9}".repeat(MAX_REQUEST_LINE / 2);
    expect(
        "target too long",
        format!("GET /?{letters} HTTP/1.1\r\n\r\n").as_bytes(),
        "a request line whose letters need more than MAX_REQUEST_LINE bytes in UTF-8",
    );
    let head = [b" ".to_vec(), vec![b'a'; MAX_REQUEST_LINE], b" HTTP/1.1\r\n\r\n".to_vec()].concat();
    assert_eq!(
        verdict(&head),
        "target too long",
        "\nparse_head of a request line that is too long: first a space, then MAX_REQUEST_LINE times \"a\". A space is in \
         its first 64 bytes, so it is target too long. See \"1.2 Limits\", and HeadError::TargetTooLong."
    );
}

#[test]
fn a_request_line_of_8000_bytes_is_read() {
    expect("complete", &head_with_line(8000), "a request line of 8000 bytes");
}

#[test]
fn a_line_that_is_too_long_and_has_no_method_is_malformed() {
    let line = vec![b'a'; MAX_REQUEST_LINE + 100];
    expect("malformed", &line, "too many bytes without a space");
    expect("malformed", &vec![b'a'; 2 * MAX_HEAD], "twice MAX_HEAD bytes without a space");
    expect(
        "malformed",
        &[&line[..], b" / HTTP/1.1\r\n\r\n"].concat(),
        "a method of more than MAX_REQUEST_LINE bytes",
    );
}

#[test]
fn a_request_line_at_the_limit_may_come_in_pieces() {
    for (before, said) in [("", ""), ("\r\n", ", after an empty line,")] {
        let bytes = [before.as_bytes(), &head_with_line(MAX_REQUEST_LINE)].concat();
        for end in MAX_REQUEST_LINE - 2..bytes.len() {
            let what =
                format!("the first {end} bytes of a good head whose request line has MAX_REQUEST_LINE bytes");
            expect("incomplete", &bytes[..end], &format!("{what}{said}"));
        }
        expect("complete", &bytes, &format!("a head whose request line has MAX_REQUEST_LINE bytes{said}"));
    }
}

#[test]
fn a_method_may_be_long_if_its_line_is_not() {
    for length in [63, 64, 65, 100, 1000] {
        let head = format!("{} / HTTP/1.1\r\n\r\n", "A".repeat(length));
        expect("complete", head.as_bytes(), &format!("a short line with a method of {length} letters"));
        let early = &head.as_bytes()[..length];
        expect("incomplete", early, &format!("the first {length} letters of a method, in a short line,"));
    }
}

#[test]
fn two_bare_line_ends_do_not_make_up_for_each_other() {
    for field in ["A: b\nC: d\re", "A: b\rC: d\ne", "A: b\n\rC: d", "A: b\r\r\n\nC: d", "A: b\r\r\n\n"] {
        for end in ["", "\r\n\r\n"] {
            let head = format!("GET / HTTP/1.1\r\n{field}{end}");
            expect("malformed", head.as_bytes(), "a head with a bare CR and a bare LF");
        }
    }
}

#[test]
fn a_request_line_that_is_too_long_is_refused_before_it_ends() {
    let bytes = head_with_line(MAX_REQUEST_LINE + 100);
    // One byte of grace: the byte after the limit may be the CR of a line that is just short enough.
    expect("target too long", &bytes[..MAX_REQUEST_LINE + 2], "the beginning of a line that is too long");
    let with_empty_line = [b"\r\n", &bytes[..MAX_REQUEST_LINE + 2]].concat();
    expect("target too long", &with_empty_line, "the same after an empty line");
}

#[test]
fn a_head_may_be_as_long_as_the_limit_and_no_longer() {
    expect("complete", &head_of("", MAX_HEAD), "a head of MAX_HEAD bytes");
    expect("complete", &head_of("\r\n", MAX_HEAD - 2), "a head of MAX_HEAD bytes, an empty line included");
    expect("fields too large", &head_of("", MAX_HEAD + 1), "a head of MAX_HEAD + 1 bytes");
    expect("fields too large", &head_of("", 2 * MAX_HEAD), "a head of twice MAX_HEAD bytes");
    let with_a_body = [head_of("", 100), vec![b'x'; 2 * MAX_HEAD]].concat();
    expect("complete", &with_a_body, "a head of 100 bytes with a body of twice MAX_HEAD bytes");
}

#[test]
fn a_head_at_the_limit_may_come_in_pieces() {
    let bytes = head_of("", MAX_HEAD);
    for end in (0..MAX_HEAD).step_by(1000).chain(MAX_HEAD - 5..MAX_HEAD) {
        expect(
            "incomplete",
            &bytes[..end],
            &format!("the first {end} bytes of a good head of MAX_HEAD bytes"),
        );
    }
}

#[test]
fn a_head_that_does_not_end_within_the_limit_is_refused() {
    let bytes = head_of("", 2 * MAX_HEAD);
    expect("fields too large", &bytes[..MAX_HEAD], "MAX_HEAD bytes without the end of a head");
    expect("incomplete", &bytes[..MAX_HEAD - 4], "a few bytes less: the end may still come");
}

#[test]
fn an_empty_line_before_a_head_near_the_limit_is_no_trap() {
    for length in MAX_HEAD - 4..=MAX_HEAD + 4 {
        let bytes = head_of("\r\n", length);
        let found = std::panic::catch_unwind(|| verdict(&bytes)).unwrap_or("a panic");
        // Whether the two skipped bytes count is not specified, but the result must be the same in one piece and in
        // many.
        let allowed: &[&str] = match length {
            _ if length <= MAX_HEAD - 2 => &["complete"],
            _ if length <= MAX_HEAD => &["complete", "fields too large"],
            _ => &["fields too large"],
        };
        assert!(
            allowed.contains(&found),
            "\nan empty line, then a head of {length} bytes (MAX_HEAD is {MAX_HEAD}): {found}, not {}. {SEE}",
            allowed.join(" or ")
        );
        if found == "fields too large" {
            let early = &bytes[..bytes.len() - 1];
            expect(
                found,
                early,
                &format!(
                    "an empty line and then a head of {length} bytes are {found} (MAX_HEAD is {MAX_HEAD}). All of these \
                 bytes but the last, which cannot make the head shorter,"
                ),
            );
        }
        let refused = (MAX_HEAD - 8..bytes.len()).find(|&end| verdict(&bytes[..end]) != "incomplete");
        if let (Some(end), "complete") = (refused, found) {
            panic!(
                "\nan empty line, then a head of {length} bytes (MAX_HEAD is {MAX_HEAD}): it was refused in pieces \
                 and is accepted whole. Its first {end} bytes are {}. {SEE}",
                verdict(&bytes[..end])
            );
        }
    }
}

#[test]
fn there_may_be_as_many_fields_as_the_limit_and_no_more() {
    let bytes = head_with_fields(MAX_FIELDS);
    let head = request::parse_head(&bytes).expect("MAX_FIELDS fields are allowed").expect("complete");
    assert_eq!(head.headers.iter().count(), MAX_FIELDS, "none of MAX_FIELDS fields may be lost. {SEE}");
    expect("fields too large", &head_with_fields(MAX_FIELDS + 1), "a head with MAX_FIELDS + 1 fields");
}

#[test]
fn bytes_that_never_become_a_request_are_not_collected_for_ever() {
    for byte in [b'a', b' ', b'\r', b'\n', b'\0', 0xff] {
        let bytes = vec![byte; MAX_HEAD];
        let found = verdict(&bytes);
        assert_ne!(
            found, "incomplete",
            "MAX_HEAD times the byte {byte:#04x}: nothing can make that a request. {SEE}"
        );
    }
}

#[test]
fn what_the_first_bytes_decide_does_not_wait_for_more() {
    let bare = "its CR or LF is bare";
    for (head, expected, why) in [
        (&b"GET / HTTP/1.1\r\r"[..], "malformed", "no LF can follow the first CR"),
        (b"\r\r", "malformed", "no LF can follow the first CR"),
        (b"\r\nGET /\r\n", "malformed", "the line behind the empty one has two words"),
        (b"\r\nGET / HTTP/1.1\n", "malformed", bare),
        (b"\r\nGET / HTTP/1.1\rH", "malformed", bare),
        (b"\r\nGET / HTTP/2.0\r\n", "version not supported", "the line behind the empty one is complete"),
    ] {
        assert_eq!(
            verdict(head),
            expected,
            "\nparse_head of \"{}\": no further bytes can make it good, so it is refused now, because {why}. {SEE}",
            shown(head)
        );
    }
    let line = [b"GET /".as_slice(), &vec![b'a'; MAX_REQUEST_LINE - 4]].concat();
    expect("target too long", &line, "a line that is one byte too long, whatever comes next");
    for (method, expected) in [(63, "target too long"), (64, "malformed")] {
        let line = [&b"a".repeat(method), b" ".as_slice(), &vec![b'a'; MAX_REQUEST_LINE]].concat();
        expect(expected, &line, &format!("a line that is too long, with a method of {method} bytes"));
    }
}

#[test]
fn a_request_line_that_is_wrong_is_refused_while_the_fields_come() {
    for (line, expected) in [("GET /", "malformed"), ("GET / HTTP/2.0", "version not supported")] {
        for fields in ["", "H", "Host: a", "Host: a\r", "Host: a\r\n", "Host: a\r\nX"] {
            let head = format!("{line}\r\n{fields}");
            expect(
                expected,
                head.as_bytes(),
                "a request line that is complete and wrong, followed by a part of the fields or by none,",
            );
        }
    }
}

#[test]
fn a_bare_line_end_is_refused_however_far_from_both_ends() {
    let filler = format!("X: {}", "a".repeat(1000));
    for lines_before in 0..14 {
        for bare in ["\n", "\r"] {
            let before = format!("{filler}\r\n").repeat(lines_before);
            let after = format!("{filler}\r\n").repeat(14 - lines_before);
            let head = format!("GET / HTTP/1.1\r\n{before}Y: a{bare}Z: b\r\n{after}\r\n");
            let what = format!("a bare CR or LF behind {lines_before} of 14 long fields");
            expect("malformed", head.as_bytes(), &what);
            expect(
                "malformed",
                &head.as_bytes()[..head.len() - 4],
                &format!("{what}, before the end has come"),
            );
        }
    }
}

#[test]
fn a_head_with_as_many_fields_as_the_limit_may_come_in_pieces() {
    let bytes = head_with_fields(MAX_FIELDS);
    for end in 0..bytes.len() {
        expect(
            "incomplete",
            &bytes[..end],
            &format!(
                "the first {end} of {} bytes of a good head with MAX_FIELDS fields (the request line is none)",
                bytes.len()
            ),
        );
    }
}

#[test]
fn a_letter_of_several_bytes_may_come_in_pieces() {
    let bytes = "GET /?q=\u{e9}\u{20ac}\u{1f411} HTTP/1.1\r\nHost: a\r\n\r\n".as_bytes();
    for end in 0..bytes.len() {
        let what = format!("the first {end} of {} bytes of a good head with UTF-8 in its query", bytes.len());
        expect("incomplete", &bytes[..end], &what);
    }
    expect("complete", bytes, "a head with UTF-8 in its query");
}

#[test]
fn a_head_that_does_not_end_is_refused_however_long_it_is() {
    for length in [1 << 15, 1 << 16, (1 << 16) + 64, 1 << 20] {
        let bytes = &head_of("", 2 << 20)[..length];
        expect("fields too large", bytes, &format!("{length} bytes without the end of a head"));
    }
}

/// A function that calls itself for the rest of the bytes needs some stack for each line.
#[test]
fn a_head_of_many_short_lines_is_read_on_a_small_stack() {
    const NAME: &str = "head_limits::a_head_of_many_short_lines_is_read_on_a_small_stack";
    let lines = "a\r\n".repeat(300_000);
    let bytes = format!("GET / HTTP/1.1\r\n{lines}");
    // The end of its stack ends a process, so it is another one.
    let what = "a head of 300,000 short lines that does not end";
    if is_alone_or(NAME, || {
        panic!(
            "parse_head of {what}: the process ended. Does a function call itself for each line? Use a loop. {SEE}"
        )
    }) {
        expect("fields too large", bytes.as_bytes(), what);
    }
}
